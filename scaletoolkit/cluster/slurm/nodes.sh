# The machines of a Slurm cluster: each node has processes of its own, and can lose them all at once.
#
#   sh nodes.sh FOLDER
#
# Reads lines from stdin: `start node1`, `cut node1`. When one is done, its line is in FOLDER/done.
# With the end of stdin this ends, and with this first process of its namespace every other.

export SLURM_CONF="$1/slurm.conf"
slurmctld -D &

while read -r action node; do
    case $action in
    start)
        unshare --pid --fork --mount-proc --kill-child \
            slurmd -D -N "$node" -d "$(command -v slurmstepd)" &
        eval "pid_$node=$!"
        ;;
    cut)
        eval "pid=\$pid_$node"
        read -r first _ <"/proc/$pid/task/$pid/children"
        kill -KILL "$first"
        wait "$pid"
        ;;
    esac
    echo "$action $node" >>"$1/done"
done
