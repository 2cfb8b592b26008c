/* A building of two zones as an FMU (FMI 2.0, co-simulation), in the manner of BOPTEST: x_u counts where x_activate.

   C dT/dt = (U + V u) (Tout - T) + K (Tother - T) + P + G, in explicit steps of 10 s, for zones north and south;
   P = Pmax min(1, max(0, Tset - T)), Tset 21 degC from 7 to 19 h and 16 degC else, gas = (Pnorth + Psouth) / 0.9,
   fan power 400 u^3 with u = 0.3 unless written, G a gain in the north, 1 kW of photovoltaic
   power from 10 to 14 h, Tout = 5 + 5 sin(2 pi (t / day - 0.25)).
   test_fmu.py has the same in numpy. */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fmi2Functions.h"

#define GUID "{two-zones-of-promessa}"
#define DAY 86400.0
#define KELVIN 273.15
enum { SET_NORTH, SET_SOUTH, FAN, GAIN, INPUTS };              /* real inputs; the first three have an activation */
enum { T_NORTH = 10, T_SOUTH, GAS, P_FAN, T_OUT, FORCE_NORTH, FORCE_SOUTH, CO2, ALTITUDE, CEILING, P_SUN }; /* real outputs */
enum { FAULT = 3, FLAGS };

typedef struct {
    double t, temperature[2], power[2], input[INPUTS];
    int flag[FLAGS];
    const fmi2CallbackFunctions *back;
    char name[64];
} Building;

static double hour(const Building *b) { return fmod(b->t, DAY) / 3600; }
static double outdoors(const Building *b) { return 5 + 5 * sin(2 * M_PI * (b->t / DAY - 0.25)) + KELVIN; }
static double fan(const Building *b) { return b->flag[FAN] ? b->input[FAN] : 0.3; }
static int people(const Building *b) { return hour(b) >= 8 && hour(b) < 18 ? 10 : 0; }
static double set_point(const Building *b, int zone) {
    if (b->flag[zone]) return b->input[zone];
    return (hour(b) >= 7 && hour(b) < 19 ? 21 : 16) + KELVIN;
}
static void heat(Building *b) {
    for (int zone = 0; zone < 2; zone++)
        b->power[zone] = 8000 * fmin(1, fmax(0, set_point(b, zone) - b->temperature[zone]));
}

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *back, fmi2Boolean visible, fmi2Boolean logging) {
    if (type != fmi2CoSimulation || strcmp(guid, GUID)) {
        back->logger(back->componentEnvironment, name, fmi2Error, "error", "guid %s is not mine", guid);
        return NULL;
    }
    Building *b = back->allocateMemory(1, sizeof(Building));
    b->back = back;
    strncpy(b->name, name, sizeof(b->name) - 1);
    b->temperature[0] = b->temperature[1] = 18 + KELVIN;
    return b;
}
fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean tolerant, fmi2Real tolerance, fmi2Real start, fmi2Boolean stops,
                               fmi2Real stop) {
    ((Building *)c)->t = start;
    return fmi2OK;
}
fmi2Status fmi2DoStep(fmi2Component c, fmi2Real now, fmi2Real size, fmi2Boolean keep) {
    Building *b = c;
    if (b->flag[FAULT]) {
        b->back->logger(b->back->componentEnvironment, b->name, fmi2Error, "error", "pump %d lost at %.0f s", 7, now);
        return fmi2Error;
    }
    for (double end = now + size; b->t < end - 1e-6;) {
        double dt = fmin(10, end - b->t), before[2] = {b->temperature[0], b->temperature[1]};
        heat(b);
        for (int zone = 0; zone < 2; zone++)
            b->temperature[zone] += dt / 6e6 * ((150 + 120 * fan(b)) * (outdoors(b) - before[zone])
                + 80 * (before[1 - zone] - before[zone]) + b->power[zone] + (zone == 0 ? b->input[GAIN] : 0));
        b->t += dt;
    }
    heat(b);
    return fmi2OK;
}
fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2Real value[]) {
    Building *b = c;
    for (size_t i = 0; i < n; i++) switch (r[i]) {
        case T_NORTH: case T_SOUTH: value[i] = b->temperature[r[i] - T_NORTH]; break;
        case GAS: value[i] = (b->power[0] + b->power[1]) / 0.9; break;
        case P_FAN: value[i] = 400 * pow(fan(b), 3); break;
        case T_OUT: value[i] = outdoors(b); break;
        case FORCE_NORTH: case FORCE_SOUTH: value[i] = set_point(b, r[i] - FORCE_NORTH); break;
        case CO2: value[i] = 420 + 40 * people(b); break;
        case ALTITUDE: value[i] = M_PI / 6; break;
        case P_SUN: value[i] = hour(b) >= 10 && hour(b) < 14 ? -1000 : 0; break;
        case CEILING: value[i] = 1000; break;
        default: return fmi2Error;
    }
    return fmi2OK;
}
fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Real value[]) {
    for (size_t i = 0; i < n; i++) {
        if (r[i] >= INPUTS) return fmi2Error;
        ((Building *)c)->input[r[i]] = value[i];
    }
    return fmi2OK;
}
fmi2Status fmi2SetBoolean(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Boolean value[]) {
    for (size_t i = 0; i < n; i++) {
        if (r[i] >= FLAGS) return fmi2Error;
        ((Building *)c)->flag[r[i]] = value[i];
    }
    return fmi2OK;
}
fmi2Status fmi2GetInteger(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2Integer value[]) {
    for (size_t i = 0; i < n; i++) value[i] = people(c);
    return fmi2OK;
}
fmi2Status fmi2ExitInitializationMode(fmi2Component c) { heat(c); return fmi2OK; }
void fmi2FreeInstance(fmi2Component c) { ((Building *)c)->back->freeMemory(c); }

/* What FMI wants and this building has no use for. */
const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }
fmi2Status fmi2EnterInitializationMode(fmi2Component c) { return fmi2OK; }
fmi2Status fmi2Terminate(fmi2Component c) { return fmi2OK; }
fmi2Status fmi2Reset(fmi2Component c) { return fmi2Error; }
fmi2Status fmi2CancelStep(fmi2Component c) { return fmi2Error; }
fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean on, size_t n, const fmi2String what[]) { return fmi2OK; }
fmi2Status fmi2GetBoolean(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2Boolean v[]) { return fmi2Error; }
fmi2Status fmi2GetString(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2String v[]) { return fmi2Error; }
fmi2Status fmi2SetInteger(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Integer v[]) { return fmi2Error; }
fmi2Status fmi2SetString(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2String v[]) { return fmi2Error; }
fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *s) { return fmi2Error; }
fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate s) { return fmi2Error; }
fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *s) { return fmi2Error; }
fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate s, size_t *n) { return fmi2Error; }
fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate s, fmi2Byte b[], size_t n) { return fmi2Error; }
fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte b[], size_t n, fmi2FMUstate *s) { return fmi2Error; }
fmi2Status fmi2GetDirectionalDerivative(fmi2Component c, const fmi2ValueReference u[], size_t n, const fmi2ValueReference k[],
                                        size_t m, const fmi2Real d[], fmi2Real v[]) { return fmi2Error; }
fmi2Status fmi2SetRealInputDerivatives(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Integer o[],
                                       const fmi2Real v[]) { return fmi2Error; }
fmi2Status fmi2GetRealOutputDerivatives(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Integer o[],
                                        fmi2Real v[]) { return fmi2Error; }
fmi2Status fmi2GetStatus(fmi2Component c, const fmi2StatusKind k, fmi2Status *v) { return fmi2Error; }
fmi2Status fmi2GetRealStatus(fmi2Component c, const fmi2StatusKind k, fmi2Real *v) { return fmi2Error; }
fmi2Status fmi2GetIntegerStatus(fmi2Component c, const fmi2StatusKind k, fmi2Integer *v) { return fmi2Error; }
fmi2Status fmi2GetBooleanStatus(fmi2Component c, const fmi2StatusKind k, fmi2Boolean *v) { return fmi2Error; }
fmi2Status fmi2GetStringStatus(fmi2Component c, const fmi2StatusKind k, fmi2String *v) { return fmi2Error; }
