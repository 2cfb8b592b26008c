"""The operational forecast: the hours to come of a meter, from its recent load, the calendar, the weather forecast."""
