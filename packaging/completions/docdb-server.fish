# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_docdb_server_global_optspecs
    string join \n config= data-dir= wal-dir= socket= listen= http= fsync= fsync-interval= log-level= log-format= check-config print-config example-config h/help V/version
end

function __fish_docdb_server_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_docdb_server_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_docdb_server_using_subcommand
    set -l cmd (__fish_docdb_server_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c docdb-server -n "__fish_docdb_server_needs_command" -l config -d 'Configuration file in YAML [env: DOCDB_CONFIG]' -r -F
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l data-dir -d 'Directory of the catalog and the data files; created when missing [default: ./data]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l wal-dir -d 'Directory of the logs; created when missing [default: `wal` in the data directory]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l socket -d 'Unix socket to listen on; only its owner may connect [default: /tmp/docdb.sock]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l listen -d 'Address to listen on TCP too, for clients with a token [default: none]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l http -d 'Address to answer /healthz, /readyz and /metrics at [default: none]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l fsync -d 'When a write is acknowledged: after a sync of its own (always), after a sync shared with the writes beside it (group), before the next periodic sync (interval), or without any sync (none: a crash of the machine may lose everything) [default: group]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l fsync-interval -d 'With `--fsync interval`: how long an acknowledged write may stay unsynced, in milliseconds or with a unit [default: 1]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l log-level -d 'Least severe messages that are logged: error, warn, info, debug, trace [default: info]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l log-format -d 'How they are written to standard error: text or json [default: text]' -r
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l check-config -d 'Checks the configuration and exits: 0 when a server would start with it, 2 when not'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l print-config -d 'Prints the configuration in force, with the origin of each value, and exits'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -l example-config -d 'Prints a commented configuration file, with every key at its default, and exits'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -s V -l version -d 'Print version'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -f -a "verify" -d 'Reads every byte of every database of a directory, or of every backup of a directory of backups, and reports what is damaged. Exits with 1 where anything is'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -f -a "repair" -d 'Heals a database that no server has open; with `--accept-loss`, accepts that its log has lost transactions, so that it can be written again'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -f -a "backup" -d 'Backs up databases of a directory, whether or not a server runs on it. What an earlier backup in the same directory of backups holds is not copied again'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -f -a "restore" -d 'Makes databases out of a backup, in a directory that no server has open. All of them appear, or none; nothing is written over'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -f -a "token" -d 'Manages the tokens that clients on TCP need, whether or not a server runs on the directory'
complete -c docdb-server -n "__fish_docdb_server_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand verify" -l wal-dir -d 'Directory of the logs [default: `wal` in the data directory]' -r -F
complete -c docdb-server -n "__fish_docdb_server_using_subcommand verify" -l json -d 'Prints one JSON object instead of text'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand verify" -s h -l help -d 'Print help'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand repair" -l wal-dir -d 'Directory of the logs [default: `wal` in the data directory]' -r -F
complete -c docdb-server -n "__fish_docdb_server_using_subcommand repair" -l db -d 'The database' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand repair" -l accept-loss -d 'The lost transactions, exactly as `verify` names them' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand repair" -s h -l help -d 'Print help'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand backup" -l wal-dir -d 'Directory of the logs [default: `wal` in the data directory]' -r -F
complete -c docdb-server -n "__fish_docdb_server_using_subcommand backup" -l socket -d 'Unix socket of the server that has the data directory open, if any' -r -F
complete -c docdb-server -n "__fish_docdb_server_using_subcommand backup" -l database -d 'A database; may be given several times. Without it, all' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand backup" -l keep -d 'Backups that are kept, this one among them; older ones are removed. Without it, all' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand backup" -l rate -d 'Most that is copied and read back in a second, on the average, with a unit as in 50MiB. Without it, as much as can be' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand backup" -l json -d 'Prints one JSON object instead of text'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand backup" -s h -l help -d 'Print help'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand restore" -l wal-dir -d 'Directory of the logs [default: `wal` in the data directory]' -r -F
complete -c docdb-server -n "__fish_docdb_server_using_subcommand restore" -l number -d 'The backup, by its number. Without it, the newest' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand restore" -l database -d 'A database; may be given several times. Without it, all of the backup' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand restore" -l rate -d 'Most that is copied in a second, with a unit as in 50MiB. Without it, as much as can be' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand restore" -s h -l help -d 'Print help'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -s h -l help -d 'Print help'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -f -a "create" -d 'Creates a token and shows it, once'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -f -a "list" -d 'Lists all tokens, without what they are'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -f -a "revoke" -d 'Ends a token, also on connections that are open'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and not __fish_seen_subcommand_from create list revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from create" -l role -d 'What it allows: read, write or admin' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from create" -l database -d 'A database that it is for, whether it exists or not; may be given several times' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from create" -l label -d 'Whom it is for, for people' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from create" -l lifetime -d 'How long it is valid, as in 24h; without it, until it is revoked' -r
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from create" -l all-databases -d 'It is for all databases, those to come among them'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "create" -d 'Creates a token and shows it, once'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists all tokens, without what they are'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Ends a token, also on connections that are open'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and not __fish_seen_subcommand_from verify repair backup restore token help" -f -a "verify" -d 'Reads every byte of every database of a directory, or of every backup of a directory of backups, and reports what is damaged. Exits with 1 where anything is'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and not __fish_seen_subcommand_from verify repair backup restore token help" -f -a "repair" -d 'Heals a database that no server has open; with `--accept-loss`, accepts that its log has lost transactions, so that it can be written again'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and not __fish_seen_subcommand_from verify repair backup restore token help" -f -a "backup" -d 'Backs up databases of a directory, whether or not a server runs on it. What an earlier backup in the same directory of backups holds is not copied again'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and not __fish_seen_subcommand_from verify repair backup restore token help" -f -a "restore" -d 'Makes databases out of a backup, in a directory that no server has open. All of them appear, or none; nothing is written over'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and not __fish_seen_subcommand_from verify repair backup restore token help" -f -a "token" -d 'Manages the tokens that clients on TCP need, whether or not a server runs on the directory'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and not __fish_seen_subcommand_from verify repair backup restore token help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "create" -d 'Creates a token and shows it, once'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "list" -d 'Lists all tokens, without what they are'
complete -c docdb-server -n "__fish_docdb_server_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "revoke" -d 'Ends a token, also on connections that are open'
