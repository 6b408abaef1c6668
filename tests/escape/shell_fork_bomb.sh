# promise: the shortest fork bomb ends with its sandbox
# outcome: ok|error|timeout|killed
# says: nothing
# limits: pids=32 timeout=4
bomb() { bomb | bomb & }
bomb 2>/dev/null
sleep 1
