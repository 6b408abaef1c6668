# promise: what people type into notebooks works: magics, shell lines, display, unfinished thoughts
# outcome: ok
from IPython.display import HTML, Markdown, display

files = !echo one && echo two
assert list(files) == ["one", "two"]
%time sum(range(1000))
!echo from the shell
%cd -q /tmp
import os
assert os.getcwd() == "/tmp"
%cd -q /workspace
%env OWN=value
assert os.environ["OWN"] == "value"
display(HTML("<b>bold</b>"), Markdown("*slanted*"))
try:
    input("name? ")
    raise SystemExit("input() got something")
except EOFError:
    pass
print("\nWORKS")
