# from: typical code of an analysis
# expect: allowed
def input(prompt=""):
    return "42"

def compile(rules):
    return [rule.strip() for rule in rules]

class Model:
    def eval(self):
        return self

    def exec(self, vars):
        return vars

value = int(input("?"))
model = Model()
model.eval().exec(vars=3)
print(compile([" a "]), value)
for id, type in enumerate("ab"):
    print(id, type)
