complete -c docdb-server -l config -d 'Configuration file in YAML [env: DOCDB_CONFIG]' -r -F
complete -c docdb-server -l data-dir -d 'Directory of the catalog and the data files; created when missing [default: ./data]' -r
complete -c docdb-server -l wal-dir -d 'Directory of the logs; created when missing [default: `wal` in the data directory]' -r
complete -c docdb-server -l socket -d 'Unix socket to listen on; only its owner may connect [default: /tmp/docdb.sock]' -r
complete -c docdb-server -l http -d 'Address to answer /healthz, /readyz and /metrics at [default: none]' -r
complete -c docdb-server -l fsync -d 'When a write is acknowledged: after a sync of its own (always), after a sync shared with the writes beside it (group), before the next periodic sync (interval), or without any sync (none: a crash of the machine may lose everything) [default: group]' -r
complete -c docdb-server -l fsync-interval -d 'With `--fsync interval`: how long an acknowledged write may stay unsynced, in milliseconds or with a unit [default: 1]' -r
complete -c docdb-server -l log-level -d 'Least severe messages that are logged: error, warn, info, debug, trace [default: info]' -r
complete -c docdb-server -l log-format -d 'How they are written to standard error: text or json [default: text]' -r
complete -c docdb-server -l check-config -d 'Checks the configuration and exits: 0 when a server would start with it, 2 when not'
complete -c docdb-server -l print-config -d 'Prints the configuration in force, with the origin of each value, and exits'
complete -c docdb-server -l example-config -d 'Prints a commented configuration file, with every key at its default, and exits'
complete -c docdb-server -s h -l help -d 'Print help (see more with \'--help\')'
complete -c docdb-server -s V -l version -d 'Print version'
