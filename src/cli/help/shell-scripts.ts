/** What `decamp completion SHELL` prints: a script by which a shell asks decamp what can be typed. */

import type { Shell } from "./asked.ts";

/** The script. It works for `decamp`, wherever that lies. */
export function shellScript(shell: Shell): string {
  return `${scripts[shell].trim()}\n`;
}

const scripts: Readonly<Record<Shell, string>> = {
  bash: `
# decamp's completion for bash. In ~/.bashrc:  eval "$(decamp completion bash)"
_decamp() {
  local IFS=$'\\n' line others=files
  COMPREPLY=()
  for line in $("\${1/#\\~/$HOME}" __complete bash "=\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null); do
    case $line in
      :*) others=\${line#:} ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done
  case $others in
    none) compopt +o default 2>/dev/null ;;
    folders) compopt +o default -o dirnames 2>/dev/null ;;
  esac
  return 0
}
complete -o default -F _decamp decamp
`,
  zsh: `
# decamp's completion for zsh. In ~/.zshrc, after compinit:  eval "$(decamp completion zsh)"
_decamp() {
  local line others=files
  local -a found
  for line in "\${(@f)$("\${(Q)words[1]}" __complete zsh "=\${(Q)PREFIX}" "\${(@Q)words[2,CURRENT-1]}" 2>/dev/null)}"; do
    case $line in
      :*) others=\${line#:} ;;
      ?*) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${\${line#*$'\\t'}#$line}") ;;
    esac
  done
  (( $#found )) && _describe decamp found
  case $others in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
compdef _decamp decamp
`,
  fish: `
# decamp's completion for fish. In ~/.config/fish/config.fish:  decamp completion fish | source
function __decamp_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    for line in ($typed[1] __complete fish "=$current" $typed[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path $current
            case ':folders'
                __fish_complete_directories $current ''
            case ':*'
            case '*'
                printf '%s\\n' $line
        end
    end
end
complete -c decamp -f -a '(__decamp_complete)'
`,
  powershell: `
# decamp's completion for PowerShell. In $PROFILE:  decamp completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName decamp -ScriptBlock {
    param($current, $ast, $position)
    $typed = @($ast.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $position } |
        ForEach-Object { if ($null -ne $_.Value) { "$($_.Value)" } else { $_.Extent.Text } })
    & $ast.CommandElements[0].Value __complete powershell "=$current" @typed 2>$null | ForEach-Object {
        if (-not $_.StartsWith(':')) {
            $word, $says = $_ -split "\`t", 2
            if (-not $says) { $says = $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $says)
        }
    }
}
`,
};
