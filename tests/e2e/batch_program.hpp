#pragma once

#include "e2e/programs.hpp"

#include <boost/json/parse.hpp>

#include <sstream>
#include <string>
#include <vector>

namespace eco2::test {

/// `eco2 batch` and `eco2 eval` with short waits, against the fake's Batch API.
class BatchProgram : public Programs {
protected:
    void start_batches(Arguments options = {}) {
        options.insert(options.begin(),
                       {"--vision-ms",
                        "5",
                        "--answer-ms",
                        "5",
                        "--batch",
                        R"({"validating_ms":20,"in_progress_ms":20,"finalizing_ms":20})"});
        start_fake(options);
        copy_config();
        edit("eco2.toml", "#poll_min_ms = 10_000", "poll_min_ms = 100");
        edit("eco2.toml", "#poll_max_ms = 300_000", "poll_max_ms = 200");
    }

    Ended eco2(Arguments arguments) {
        arguments.insert(arguments.end(), {"--config", config_file.string(), "--data", data_dir.string()});
        return run(arguments);
    }

    std::filesystem::path input(const std::string& name, const std::string& text) {
        write(directory / name, text);
        return directory / name;
    }

    static boost::json::value json(const std::string& text) {
        boost::json::error_code ec;
        auto value = boost::json::parse(text, ec);
        EXPECT_FALSE(ec) << text;
        return ec ? boost::json::value(boost::json::object()) : value;
    }
    static std::vector<boost::json::value> json_lines(const std::string& text) {
        std::vector<boost::json::value> out;
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            out.push_back(json(line));
        }
        return out;
    }
};

}  // namespace eco2::test
