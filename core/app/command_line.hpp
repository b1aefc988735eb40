#pragma once

#include "app/commands.hpp"

#include <CLI/CLI.hpp>

/// The command line in pieces: main.cpp has the shorter ones.
namespace eco2::app {

void add_common(CLI::App& command, CommonOptions& common);
void add_json(CLI::App& command, CommonOptions& common);
void add_batch(CLI::App& app, CommonOptions& common, int& exit_code);
void add_eval(CLI::App& app, CommonOptions& common, int& exit_code);

}  // namespace eco2::app
