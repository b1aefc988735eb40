#include "openai_batch/dialect.hpp"

using eco2::openai_batch::Dialect;
ECO2_PLUGIN(Dialect);
