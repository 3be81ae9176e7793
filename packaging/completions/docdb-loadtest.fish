# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_docdb_loadtest_global_optspecs
    string join \n databases= db-name= workers-per-db= workers= workload= duration= warmup= operations= read-percent= write-percent= update-percent= delete-percent= patch-percent= scan-percent= modify-percent= transaction-percent= doc-size= doc-count= distribution= inserts= scan-length= transaction-size= metrics-interval= socket= host= token-file= ca= server-name= wal-dir= output-dir= output= csv no-html seed= config= batch= pipeline= rate= preload timeout= patience= assert= record= replay= replay-speed= kill-every= verify ceiling= target= turns= postgres-url= redis-url= h/help V/version
end

function __fish_docdb_loadtest_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_docdb_loadtest_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_docdb_loadtest_using_subcommand
    set -l cmd (__fish_docdb_loadtest_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l databases -d 'Databases to load, separated by commas' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l db-name -d 'The one database to load when there is no list [default: loadtest]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l workers-per-db -d 'Workers, each with its own connection, per database of the list [default: 10]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l workers -d 'Workers for the one database [default: 10]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l workload -d 'A load that is known by name; other flags override its parts' -r -f -a "ycsb-a\t'Session store: half reads, half updates, zipfian'
ycsb-b\t'Photo tags: 95 reads, 5 updates, zipfian'
ycsb-c\t'Profile cache: reads only, zipfian'
ycsb-d\t'Status updates: 95 reads of the latest, 5 inserts'
ycsb-e\t'Threaded conversations: 95 scans of 1 to 100 documents, 5 inserts, zipfian'
ycsb-f\t'User records: half reads, half read-modify-writes, zipfian'
read-heavy\t'90 reads, 5 creates, 4 updates, 1 delete'
write-heavy\t'10 reads, 50 creates, 35 updates, 5 deletes'
batch\t'Updates, 100 in a request'
patch\t'Half reads, half patches of one member'
transaction\t'Half reads, half transactions of several documents'
scan\t'90 scans, 10 updates'"
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l duration -d 'How long to measure [default: 5m]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l warmup -d 'How long to load before measuring begins [default: 0]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l operations -d 'Ends after so many operations, if that is sooner; 0: never [default: 0]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l read-percent -d 'Reads in a hundred operations [default: 40]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l write-percent -d 'Creates in a hundred operations [default: 30]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l update-percent -d 'Updates in a hundred operations [default: 20]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l delete-percent -d 'Deletes in a hundred operations [default: 10]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l patch-percent -d 'Patches of one member in a hundred operations [default: 0]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l scan-percent -d 'Scans in a hundred operations [default: 0]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l modify-percent -d 'Read-modify-writes in a hundred operations [default: 0]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l transaction-percent -d 'Transactions of several documents in a hundred operations [default: 0]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l doc-size -d 'Size of documents: BYTES, uniform:LOW-HIGH or lognormal:MEDIAN:SIGMA [default: 1024]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l doc-count -d 'Ids are drawn from 1 to this [default: 10000]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l distribution -d 'How ids are drawn: uniform, `zipfian[:SKEW]`, `latest[:SKEW]`, sequential or hotset[:PERCENT-OF-IDS:PERCENT-OF-OPERATIONS] [default: uniform]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l inserts -d 'Which ids documents are created under [default: drawn]' -r -f -a "drawn\t'Ids that are drawn as for every other operation, whether or not they are taken'
new\t'Ids that no document has had: one behind the other, behind all others'"
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l scan-length -d 'Most documents of a scan, which asks for 1 to this [default: 100]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l transaction-size -d 'Documents of a transaction [default: 4]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l metrics-interval -d 'Time between two samples of the server\'s figures [default: 1s]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l socket -d 'Unix socket of the server [default: /tmp/docdb.sock]' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l host -d 'Host and port of a server on TCP, instead of a Unix socket' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l token-file -d 'File whose first line is the token that it takes [default: the environment\'s DOCDB_TOKEN]' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l ca -d 'Speaks TLS: file of the certificates, in PEM, of the authorities that are trusted' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l server-name -d 'Name that the server\'s certificate is for, where it is not the host' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l wal-dir -d 'Where log files are measured if the server does not tell their size [default: ./data/wal]' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l output-dir -d 'Where files of results go; created when missing [default: .]' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l output -d 'Name of the file of results [default: multidb_results.json]' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l seed -d 'Seed of the random choices; printed, so that a run can be repeated [default: from the clock]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l config -d 'Configuration file, JSON or YAML' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l batch -d 'Operations in one request [default: 1]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l pipeline -d 'Requests that a worker keeps under way [default: 1]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l rate -d 'Operations per second in all, due whether or not earlier ones are answered [default: as fast as answers come]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l timeout -d 'A request that is not answered for so long is a lost answer [default: 10s]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l patience -d 'A server that cannot be reached for so long is lost [default: 5s]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l assert -d 'Fails the run unless all of these hold, as in \'p99<2ms,errors=0,ops>20000\'' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l record -d 'Writes every operation to this file' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l replay -d 'Asks for the operations of a recorded file instead of drawing them' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l replay-speed -d 'How much faster than it was recorded; 0: as fast as answers come [default: 1]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l kill-every -d 'Kills and restarts the server it started at every such interval, and checks at the end that nothing acknowledged is lost' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l ceiling -d 'How long the generator\'s own ceiling is measured against a server that does nothing; 0: not at all [default: 1s]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l target -d 'What is loaded; several of them, or a peer: in turns, and compared' -r -f -a "docdb\t'A docdb server'
postgres\t'PostgreSQL: documents as `jsonb`, prepared statements, synchronous commit'
redis\t'Redis: documents as strings, an append-only file that is synced before every answer'"
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l turns -d 'How often each of several targets is loaded [default: 5]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l postgres-url -d 'PostgreSQL to load [default: one of its own, of installed programs]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l redis-url -d 'Redis to load [default: one of its own, of installed programs]' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l csv -d 'Also writes CSV files'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l no-html -d 'Writes no HTML report beside the file of results'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l preload -d 'Stores a document under every id before the run'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -l verify -d 'Reads every document that was touched once more at the end, and compares'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -s V -l version -d 'Print version'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -f -a "compare" -d 'Holds results of two or more runs against the first'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -f -a "matrix" -d 'Measures every combination of counts of databases, connections and workers'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -f -a "serve" -d 'Serves a directory until standard input ends'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand compare" -l output-dir -d 'Where the page of the comparison goes; created when missing' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand compare" -l fail-if-worse -d 'Exits with 1 when anything is worse than in the first, beyond noise'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand compare" -s h -l help -d 'Print help'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand matrix" -l databases -d 'Counts of databases, separated by commas' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand matrix" -l connections -d 'Counts of connections to each database' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand matrix" -l workers -d 'Counts of workers of each database: requests under way, dealt to its connections' -r
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand matrix" -l output-dir -d 'Where the files of results go; what is measured already is not measured again' -r -F
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand matrix" -s h -l help -d 'Print help'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand serve" -s h -l help -d 'Print help'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand help; and not __fish_seen_subcommand_from compare matrix serve help" -f -a "compare" -d 'Holds results of two or more runs against the first'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand help; and not __fish_seen_subcommand_from compare matrix serve help" -f -a "matrix" -d 'Measures every combination of counts of databases, connections and workers'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand help; and not __fish_seen_subcommand_from compare matrix serve help" -f -a "serve" -d 'Serves a directory until standard input ends'
complete -c docdb-loadtest -n "__fish_docdb_loadtest_using_subcommand help; and not __fish_seen_subcommand_from compare matrix serve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
