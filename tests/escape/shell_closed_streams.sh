# promise: a shell that closes its streams and descriptors ends its execution, not the sandbox's
# outcome: ok|error|killed|lost
# says: nothing
# limits: timeout=10
exec 0<&- 1>&- 2>&-
for number in 3 4 5 6 7 8 9; do eval "exec $number>&-"; done
