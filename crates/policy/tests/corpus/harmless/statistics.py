# from: typical code of an analysis
# expect: allowed
from statistics import mean, median, stdev
import math

numbers = [3, 1, 4, 1, 5, 9, 2, 6]
print(mean(numbers), median(numbers), round(stdev(numbers), 3))
print(f"{47 / 1283:.4%}", math.isclose(sum(numbers) / len(numbers), mean(numbers)))
