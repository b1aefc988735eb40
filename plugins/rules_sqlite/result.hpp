#pragma once

#include "eco2/plugin/result.hpp"

namespace rules_sqlite {

using eco2::plugin::fail;
using eco2::plugin::Failure;
using eco2::plugin::Result;
using eco2::plugin::Status;

}  // namespace rules_sqlite
