#include "gemini/dialect.hpp"

using eco2::gemini::Dialect;
ECO2_PLUGIN(Dialect);
