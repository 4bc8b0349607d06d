"""What runs underneath: measuring, this machine's parts, processes, ranks. Ground, above `lab`.

turns      several learners on one machine measure one after the other
measure    seconds, percentiles, a count over time
disk       bytes read from disk, counted exactly
files      files of other people: read within bounds, written whole or not at all
folders    folders that are there whole or not at all, one writer at a time
hardware   cores, memory, GPUs; which device and backend to use
interrupts  what a cell has started ends when it is interrupted or run again
processes  what ends with this process, however it ends
limits     a command whose processes are counted, and ended, together
ranks      one function on several processes: a pool, or ranks that talk to each other
"""
