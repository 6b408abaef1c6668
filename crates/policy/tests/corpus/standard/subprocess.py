# from: a sandbox contains it
# expect: allowed
import subprocess
subprocess.run(['ls', '-l'])
