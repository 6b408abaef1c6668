# from: a list of things that a check of names must see through
# expect: denied unknown-construct:3
%run other.py
