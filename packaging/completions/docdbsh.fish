complete -c docdbsh -l socket -d 'Unix socket of the server' -r -F
complete -c docdbsh -l host -d 'Host and port of a server on TCP, instead of a Unix socket; takes a token' -r
complete -c docdbsh -l ca -d 'Speaks TLS with it: file of the certificates, in PEM, of the authorities that are trusted. A certificate that nobody else has signed is its own' -r -F
complete -c docdbsh -l server-name -d 'Name that the server\'s certificate is for, where it is not the host' -r
complete -c docdbsh -l token-file -d 'File whose first line is a token. Without it: the one in the environment variable `DOCDB_TOKEN`, if any' -r -F
complete -c docdbsh -l db -d 'Database to open first; created when it is missing' -r
complete -c docdbsh -s c -d 'Runs this line and exits; may be given several times' -r
complete -c docdbsh -l json -d 'Answers every line with one line of JSON'
complete -c docdbsh -s h -l help -d 'Print help'
complete -c docdbsh -s V -l version -d 'Print version'
