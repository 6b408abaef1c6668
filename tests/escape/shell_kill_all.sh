# promise: a shell that kills all it can see kills neither itself nor the guest
# outcome: ok
# user-kernel: lost
kill -9 1 2>/dev/null
sleep 60 &
kill -9 -1 2>/dev/null
wait 2>/dev/null
echo HELD
