/** What `decamp help TOPIC` says. Plain words, 80 columns; each line stands as it is shown. */
import type { TopicName } from "./asked.ts";

/** The text of a topic, with the end of its last line. */
export function topicText(name: TopicName): string {
  return `${texts[name].trim()}\n`;
}

const texts: Readonly<Record<TopicName, string>> = {
  archive: `
An archive is a folder on your disk that holds an account: all its records
(posts, likes, follows and the like), its blobs (pictures and videos), its
identity, and after a sign-in its preferences. Direct messages are not part of
an account's server, and so not of its archive.

  Make one, or bring it up to date:
    $ decamp export alice.example.com -o backup
  Prove that it is whole and unchanged; no network is needed:
    $ decamp verify backup
  See what is in it:
    $ decamp archive ls backup
  Bring the account back from it, if its server is gone:
    $ decamp restore backup --to https://pds.example.org

Every export that finds something new adds a snapshot: the account as it was at
that moment. Blobs are shared between snapshots, so a further one costs little.
Old ones go with decamp archive prune, and with nothing else.

A restore also needs a rotation key of your own, which has to stand in the
identity before the server is gone: decamp help rotation key.

Nothing in an archive is encrypted. Keep it where nobody else reads it.
`,
  "rotation key": `
A rotation key may change the identity of an account: which server it lives on,
which handle it has, and which rotation keys there are. Servers hold one, and
sign with it what you ask for. With one of your own you need no server for
that:

- It can undo, within 72 hours, what a key that stands below it has signed.
- It moves the account away from a server that is gone, or does not help.

So it should stand first, and be there before it is needed. Whoever has it has
the account: keep it, and its passphrase, where only you can get at them, and
in two places, because nobody can give you another one.

  Make one, in an encrypted file:
    $ decamp key generate -o rotation-key.age
  Put it first; your server mails you a code for that:
    $ decamp plc add-key alice.example.com rotation-key.age
  Try whether it is there, and what it can do:
    $ decamp key inspect rotation-key.age --account alice.example.com
  Undo what you did not want:
    $ decamp plc recover alice.example.com

It is not the signing key, with which the server signs what you write. That one
stays at the server, and a move makes another one. More: docs/KEYS.md.
`,
  "point of no return": `
A move copies everything first, and changes your identity last, in one step
that is called submit-operation. That is the point of no return.

Before it, your account lives on your old server, and all that was done can be
done again, or taken back:
    $ decamp migrate cancel alice.example.com

At it, decamp shows what changes, and you type the DID, or the handle that the
account has now (the old one). --yes does not answer that; --confirm-did does.
An empty line stops.

After it, your account is dark for everybody until the rest is done: it is
activated on the new server, and deactivated on the old one. If that is
interrupted, run the same command again, soon. It needs only the new server.

  Where a move stands, and what can still be taken back:
    $ decamp migrate status alice.example.com
  Take back a move that is finished. That needs a rotation key of your own that
  stood above the one that signed the move, and works for 72 hours:
    $ decamp plc undo alice.example.com

Do not delete the old account: it is your way back.
`,
  insurance: `
Most of what can happen to an account can be mended, if three things were done
before: there is a new copy of it, somebody noticed in time, and you have a
rotation key of your own. The first two a machine of yours can do by itself.

  The files that have it export every night, look every hour whether somebody
  has changed the identity, and try every week whether the account could come
  back; and the commands that install them. Nothing is installed:
    $ decamp insure alice.example.com -o backup
  The third one is yours, once:
    $ decamp key generate -o rotation-key.age
    $ decamp plc add-key alice.example.com rotation-key.age

If the identity was changed and you did not want it, you have 72 hours. What you
are told has the command that undoes it. It needs your rotation key, which
should not lie on that machine. Try whether you are told before you rely on it.
More: docs/INSURANCE.md and docs/WATCH.md.
`,
  server: `
You run a server, and want a backup of everybody on it, every night.

  All active accounts, an archive each, in one folder. The same command the next
  night brings what has changed:
    $ decamp export --all --pds https://pds.example.com -o backups
  Also what your server gives to nobody but its operator, such as deactivated
  accounts:
    $ decamp export --all --pds https://pds.example.com -o backups \\
        --admin-password-file admin.password
  How all of them are. Exit code 6 if one was not brought up to date for two
  days:
    $ decamp archive status backups --older-than 2d
  Prove them; or each day one in a hundred, in turns:
    $ decamp verify backups
    $ decamp verify backups --sample 1%
  Remove old snapshots; see whose accounts left the server a month ago, so that
  their archives could go:
    $ decamp archive prune backups --keep-daily 7 --keep-weekly 5
    $ decamp archive prune backups --gone 30d --dry-run

For cron add -q: then a run says nothing while all is well. What only each owner
can see is not in it, and it does not replace a backup of the server's own disk
and keys: to bring accounts back elsewhere you need the server's rotation key,
or their owners need one of their own. More: docs/OPERATORS.md.
`,
  "exit codes": `
What a command ends with. A code that is not named here means that it failed.

    0  done
    1  failed: unexpected
    2  wrong usage; also a folder that is not the archive of this account
    3  verification failed: the data is damaged, or is not what it should be;
       of decamp doctor: something is wrong with the account
    4  authentication needed or refused
    5  a server could not be reached, or refused; of decamp doctor: nothing
       wrong was seen, but somebody who was asked did not say it
    6  finished but incomplete: something could not be had, taken or read
    7  input needed, and no way to ask
    8  pending: waits for a person, a rate limit or a server; run it again
    9  refused: going on would be unsafe, or would overwrite a file
   11  another run holds the lock of this account, or of this folder
  130  interrupted, or stopped at a question

With --json an error is one line of JSON on stderr, and has its code, a
sentence, a hint and the exit code.
`,
  environment: `
Variables that decamp reads. A flag counts more than a variable; an empty
variable counts as none.

Secrets. A file or a command (--password-file, --password-command and so on) is
safer, because other programs that you run can read your variables:
  DECAMP_SOURCE_PASSWORD  password on the old server; also ATP_PASSWORD
  DECAMP_TARGET_PASSWORD  password for the new one; also NEW_ACCOUNT_PASSWORD
  DECAMP_ADMIN_PASSWORD   admin password of a server, for export --all
  DECAMP_OLD_PASSWORD     password where the account has lived, for decamp blob
  ATP_AUTH_FACTOR_TOKEN   the code that a server mails for a sign-in
  PLC_SIGN_TOKEN          the code that it mails for a change of the identity
  DECAMP_DELETE_TOKEN     the code that it mails to delete the copy, for cancel
  PLC_SIGNING_KEY         your rotation key
  DECAMP_PASSPHRASE       what opens the file of your rotation key

Servers, and the account on the new one:
  DECAMP_SOURCE_PDS       the old server (--from)
  DECAMP_TARGET_PDS       the new server (--to)
  ATP_PLC_HOST            the directory of identities (--plc-url)
  ATP_RELAY_HOST          the relay that is asked about the new server (--relay)
  ATP_APPVIEW_HOST        the AppView that doctor and migrate ask (--app-view)
  NEW_ACCOUNT_HANDLE      your handle on the new server (--new-handle)
  NEW_ACCOUNT_EMAIL       your e-mail address there (--new-email)
ATP_PDS_HOST is not read: it does not say which of the two servers it names.

Network:
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY  the proxy, and what goes without it
  NODE_EXTRA_CA_CERTS                a file with further certificate authorities

Files and display:
  XDG_STATE_HOME          decamp/ in it has journals and archives (--state-dir);
                          LOCALAPPDATA is that of Windows
  DECAMP_CONFIG           the configuration file, as a whole path; /dev/null for
                          none. Else it lies in decamp/ of XDG_CONFIG_HOME
  NO_COLOR, FORCE_COLOR   no colour; colour in any case
  TERM=dumb               on a terminal as --plain: ASCII, nothing is drawn over
`,
  configuration: `
What you would type every night can stand in a file, in TOML:
~/.config/decamp/config.toml, or decamp/config.toml in XDG_CONFIG_HOME. On macOS
it lies in ~/Library/Application Support/decamp, on Windows in LOCALAPPDATA.

  limit-rate = "2M"                what stands at the top is for every command
  [export]                         and this for one
  output = "/srv/backups"
  json = true

A setting is named like its flag: json, quiet, verbose, color, plain, state-dir,
log-file, limit-rate, concurrency, below [export] also output, jobs, compress,
below [plc] and [insure] own-key.
Paths are whole, or begin with ~/. A flag counts more than a variable, a
variable more than the file; a command passes over what it has no flag for.
--verbose says what the file gave.

It takes no secrets, no commands that are run, and nothing that answers a
question, agrees to a risk or says whom to believe: those are said with each
run. quiet in it silences no command that changes something.

  Without it, as for a job that nothing may surprise:
    $ DECAMP_CONFIG=/dev/null decamp export alice.example.com
`,
};
