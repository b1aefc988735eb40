#pragma once

#include "config/host_config.hpp"
#include "config/section.hpp"

namespace eco2::config {

/// A value from the file, the environment or the command line, whichever is strongest, with a name for messages.
std::optional<PlacedText> strongest(std::optional<PlacedText> from_file,
                                    const Environment& environment,
                                    std::string_view variable,
                                    const std::optional<std::string>& from_command_line,
                                    std::string_view option);

std::optional<HostPort> check_listen(Problems& problems, const PlacedText& value);
std::optional<LogLevel> check_log_level(Problems& problems, const PlacedText& value);
/// Lower case. Errors: a URL, a pattern or an empty string instead of a host name.
std::optional<std::string> check_host_name(Problems& problems, const PlacedText& value);
void check_origin(Problems& problems, const PlacedText& value);
void check_proxy(Problems& problems, const PlacedText& value);
void check_sha256(Problems& problems, const PlacedText& value);
void check_id(Problems& problems, const PlacedText& value);

/// One key or secret: `env` or `file`, nothing else.
Secret read_secret(
    Section& section, std::string id, const Names& names, const std::filesystem::path& config_dir, Problems& problems);

/// Finds literal secrets in a plugin's config.
void refuse_secrets(Problems& problems, const Node& node, const std::string& path);

/// Settings that are right alone and wrong together.
void check_together(Problems& problems, const HostConfig& config, const Section& root);

}  // namespace eco2::config
