# promise: everyday shell work: pipes, here documents, loops, arithmetic, background jobs, traps, globs
# outcome: ok
# shared-kernel-only: gVisor of 2022 refuses the statx flags with which ls of 2022 asks
set -e
printf 'b\na\nc\n' | sort > sorted.txt
[ "$(tr -d '\n' < sorted.txt)" = abc ]
cat > note.txt <<EOT
sum $((6 * 7))
EOT
grep -q 42 note.txt
for name in *.txt; do wc -c "$name" > /dev/null; done
sleep 0.1 & job=$!
wait "$job"
(trap 'echo trapped > trap.txt' EXIT)
[ "$(cat trap.txt)" = trapped ]
mkdir -p a/b && find a -type d | xargs ls > /dev/null
diff <(echo same) <(echo same)
[ "$(awk 'BEGIN { print 2 ^ 10 }')" = 1024 ] && sed -i s/42/43/ note.txt
date > /dev/null && [ -n "$HOME" ] && [ "$PWD" = /workspace ]
echo WORKS
