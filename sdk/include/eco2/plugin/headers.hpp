#pragma once

#include "eco2/abi/base.h"
#include "eco2/plugin/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::plugin {
inline namespace draft_2 {

/// Response headers as the host gave them. Lifetime: of the function they are handed to.
class Headers {
public:
    Headers() = default;
    Headers(const eco2_str* pairs, std::size_t count) noexcept : pairs_(pairs), count_(count) {}

    std::size_t size() const noexcept { return count_; }
    std::string_view name(std::size_t index) const noexcept { return from_abi(pairs_[2 * index]); }
    std::string_view value(std::size_t index) const noexcept { return from_abi(pairs_[2 * index + 1]); }

    /// The first value of a header (name in lower case); empty where there is none.
    std::string_view find(std::string_view lower_name) const noexcept {
        for (std::size_t index = 0; index < count_; ++index) {
            if (name(index) == lower_name) {
                return value(index);
            }
        }
        return {};
    }

private:
    const eco2_str* pairs_ = nullptr;
    std::size_t count_ = 0;
};

/// Headers to send. Keeps views only. Limits: none of its own; the host has one.
class HeaderList {
public:
    HeaderList() { flat_.reserve(kUsualCount); }

    void add(std::string_view name, std::string_view value) {
        flat_.push_back(to_abi(name));
        flat_.push_back(to_abi(value));
    }
    const eco2_str* data() const noexcept { return flat_.data(); }
    std::size_t size() const noexcept { return flat_.size() / 2; }

private:
    static constexpr std::size_t kUsualCount = 16;  // eight headers without growing
    std::vector<eco2_str> flat_;
};

/// Response headers that outlive their callback.
class KeptHeaders {
public:
    KeptHeaders() = default;
    explicit KeptHeaders(const Headers& headers) {
        texts_.reserve(2 * headers.size());
        for (std::size_t index = 0; index < headers.size(); ++index) {
            texts_.emplace_back(headers.name(index));
            texts_.emplace_back(headers.value(index));
        }
        flat_.reserve(texts_.size());
        for (const std::string& text : texts_) {
            flat_.push_back(to_abi(std::string_view(text)));
        }
    }
    Headers view() const noexcept { return {flat_.data(), flat_.size() / 2}; }

private:
    std::vector<std::string> texts_;
    std::vector<eco2_str> flat_;
};

}  // namespace draft_2
}  // namespace eco2::plugin
