"""Arrays to pictures: functions that take arrays and return matplotlib Axes."""
