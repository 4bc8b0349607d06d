# Keeps one folder on behalf of the process that started it, and removes it when that one is gone.
#
#   sh keeper.sh FOLDER               a workspace
#   sh keeper.sh FOLDER COMMAND ...   a job: COMMAND starts when a line comes through stdin,
#                                     what it writes goes to FOLDER/log, how it ended to FOLDER/exit
#
# stdin is a pipe from the owner. The system closes it when the owner ends, even by SIGKILL, so the
# end of stdin is the one sign that never fails to come.

folder=$1
shift

# A signal to the whole group, as when a job is stopped, is meant for the command. A shell that
# traps a signal survives it, and what it starts feels the signal as usual.
trap : TERM HUP INT

if [ $# -gt 0 ]; then
    read -r _ && "$@" >"$folder/log" 2>&1
    echo $? >"$folder/exit"
fi

# From here on nothing may end before the owner: what a shell ignores, what it starts ignores too.
trap '' TERM HUP INT
cat >/dev/null

# Again where a process that is about to end has just written another file.
for attempt in 1 2 3 4 5; do
    rm -rf -- "$folder" && exit
    sleep 0.2
done
exit 1
