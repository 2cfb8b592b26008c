"""A small model in EnergyPlus' own language, with what the edits need."""

from simulators.idf.model import Idf

TEXT = """
! a comment; with a semicolon, and a comma
Version, 26.1;
SimulationControl, Yes, Yes, Yes, Yes, No, No, 1;
RunPeriod, annual, 1, 1, , 12, 31, , Sunday;
RunPeriodControl:SpecialDays, New Years Day, January 1, 1, Holiday;
Timestep, 6;   !- steps an hour
ZoneList, Offices, North, South;
ZoneControl:Thermostat, All Thermostats, Offices, Control, ThermostatSetpoint:DualSetpoint, Dual;
ZoneControl:Thermostat, Hall Thermostat, Main Hall, Control, ThermostatSetpoint:DualSetpoint, Dual;
ThermostatSetpoint:DualSetpoint, Dual, HEATING, Cooling;
People, Staff, Offices, Presence, Area/Person, , , 10, 0.3;
People, Visitors, Main Hall, , People, 40, , , 0.3;
ZoneInfiltration:DesignFlowRate, North leak, North, Leak, Flow/Zone, 0.1;
ZoneInfiltration:DesignFlowRate, Hall leak, Main Hall, , Flow/Zone, 0.2;
Fan:ConstantVolume, Fan, Working hours, 0.5, 600, 1;
AvailabilityManager:NightCycle, Night, Always, Working hours, CycleOnAny, 1;
Coil:Heating:Fuel, Burner, Always, NaturalGas, 0.8, 20000;
AirLoopHVAC, System 1, , List, 1, Branches, , Return, Demand out, Demand in, Supply;
Controller:OutdoorAir, Damper, Relief, return, Mixed, Outdoor;
Output:Variable, *, Zone Mean Air Temperature, hourly;
Output:Table:SummaryReports, AllSummary;
Schedule:Constant, Always, , 1;
Schedule:Compact, Heating, Temperature, Through: 12/31,
  For: Weekdays SummerDesignDay, Until: 06:00, 15, Until: 20:00, 21, Until: 24:00, 15,
  For: WinterDesignDay, Until: 24:00, 21,
  For: AllOtherDays, Until: 24:00, 15;
Schedule:Compact, Cooling, Temperature, Through: 12/31,
  For: AllDays, Until: 6:00, 30, Until: 20:00, 24, Until: 24:00, 30;
Schedule:Compact, Working hours, On/Off, Through: 12/31,
  For: Weekdays, Until: 06:00, 0, Until: 20:00, 1, Until: 24:00, 0, For: AllOtherDays, Until: 24:00, 0;
Schedule:Compact, Presence, Fraction,
  Through: 6/30, For: Weekdays, Until: 24:00, 0.5, For: AllOtherDays, Until: 24:00, 0,
  Through: 12/31, For: AllDays, Until: 24:00, 0.25;
Schedule:Compact, Leak, Fraction, Through: 12/31, For: AllDays, Until: 24:00, 1;
"""


def model() -> Idf:
    """Read it."""
    return Idf.parse(TEXT)
