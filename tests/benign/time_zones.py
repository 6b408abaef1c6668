# promise: clocks, time zones, calendars and locales work
# outcome: ok
import calendar, datetime, locale, time, zoneinfo

berlin = zoneinfo.ZoneInfo("Europe/Berlin")
summer = datetime.datetime(2025, 7, 1, 12, tzinfo=berlin)
assert summer.utcoffset() == datetime.timedelta(hours=2)
assert summer.astimezone(zoneinfo.ZoneInfo("Asia/Tokyo")).hour == 19
assert abs(time.time() - datetime.datetime.now().timestamp()) < 5 and time.monotonic() > 0
assert locale.setlocale(locale.LC_ALL, "C.UTF-8") == "C.UTF-8"
assert f"{1234567.891:n}" and calendar.isleap(2024) and time.strftime("%Z")
assert locale.getpreferredencoding().lower().replace("-", "") == "utf8"
print("WORKS")
