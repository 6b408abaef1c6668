# from: ordinary work on data
# expect: allowed
for f in *.csv; do
  wc -l "$f"
done | sort -n | head -n 3 > counts.txt
cut -d, -f1 sales.csv | sort | uniq -c
