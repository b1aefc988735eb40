#pragma once

#include "batch/plan/input_reader.hpp"

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch::test {

inline std::string write_file(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
}

/// Everything that an input says.
struct AllOf {
    std::vector<InputItem> items;
    std::vector<std::string> errors;  // one of `open` too
};

inline AllOf read_all(InputReader& reader) {
    AllOf all;
    constexpr std::size_t kCallsMax = 100'000;  // a reader that stands still fails, instead of hanging
    for (std::size_t call = 0; call < kCallsMax; ++call) {
        auto item = reader.next();
        if (!item) {
            all.errors.push_back(item.error().detail);
        } else if (*item) {
            all.items.push_back(std::move(**item));
        } else {
            return all;
        }
    }
    all.errors.emplace_back("there is no end");
    return all;
}

inline AllOf read_all(const std::string& input, const InputReader::Columns& columns = {}) {
    auto reader = InputReader::open(input, columns);
    if (!reader) {
        return {{}, {reader.error().detail}};
    }
    return read_all(**reader);
}

inline std::vector<std::string> ids_of(const AllOf& all) {
    std::vector<std::string> ids;
    for (const auto& item : all.items) {
        ids.push_back(item.id);
    }
    return ids;
}

}  // namespace eco2::batch::test
