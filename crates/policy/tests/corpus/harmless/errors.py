# from: typical code of an analysis
# expect: allowed
import decimal
try:
    decimal.Decimal("x")
except (decimal.InvalidOperation, ValueError) as error:
    print(type(error).__name__, error)
finally:
    print("done")
with decimal.localcontext() as context:
    context.prec = 5
    print(decimal.Decimal(1) / 3)
x = 10
match x:
    case int(n) if n > 5:
        print("big", n)
    case [first, *rest]:
        print(first, rest)
    case {"a": a}:
        print(a)
