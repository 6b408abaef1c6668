# from: IPython's own lines
# expect: allowed
?print
print?
print??
%timeit 1 + 1
%%time?
