/** Names that have the form which a flag asks for, and are nobody's. */
export const keyA = "did:key:zQ3shSpXWhf77qcjau2sSgLhTBG8ZCa7mA5Ur6Z5KmxXPDhvN";
export const keyB = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme";
export const blobA = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
export const blobB = "bafkreigjhpuopf346wp2hicxnrjbjpufrkvuslvmcxul3zlarh2qfejnqq";
export const operation = "bafyreigx47irjkgszzahjp762piknqyef6aksfilnaldku2ce2sb6ufxvq";
export const theft = "bafyreibkskfkbb3ppaevktdeg5lvagndfxtk67aj3h73ixszwjcabyf6ce";
export const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
