#include "openai/dialect.hpp"

using eco2::openai::Dialect;
ECO2_PLUGIN(Dialect);
