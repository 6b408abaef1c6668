# from: commands behind commands
# expect: denied command-denied:3 command-denied:4 command-denied:5
ls | xargs -n 1 rm
find . -exec sh -c "rm x" \;
env A=b timeout 5 nohup curl x
