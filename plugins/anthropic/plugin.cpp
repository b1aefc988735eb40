#include "anthropic/dialect.hpp"

using eco2::anthropic::Dialect;
ECO2_PLUGIN(Dialect);
