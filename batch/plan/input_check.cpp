#include "base/hash.hpp"
#include "base/io_thread.hpp"
#include "batch/limits.hpp"
#include "batch/plan/input_reader.hpp"
#include "batch/plan/item_fields.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace eco2::batch {
namespace {

/// Ids by 128 bits of their SHA-256, with the line of each.
///
/// Tables of their own by the hash's first byte: one that grows holds its old room for a moment, and that is then 1/256 of all.
class IdLines {
public:
    using Hash = std::array<std::uint32_t, 4>;

    /// The line that has the id already; 0: none had.
    std::int64_t put(const Hash& hash, std::int64_t line) {
        auto& table = tables_[hash[0] % tables_.size()];
        if ((table.used + 1) * 4 > table.slots.size() * 3) {
            grow(table);
        }
        auto& slot = place(table, hash);
        if (slot.line == 0) {
            constexpr std::int64_t kLineMax = std::numeric_limits<std::uint32_t>::max();
            slot = {hash, static_cast<std::uint32_t>(std::clamp<std::int64_t>(line, 1, kLineMax))};
            ++table.used;
            return 0;
        }
        return slot.line;
    }

private:
    struct Slot {
        Hash hash{};
        std::uint32_t line = 0;  // 0: free
    };
    struct Table {
        std::vector<Slot> slots;
        std::size_t used = 0;
    };

    static Slot& place(Table& table, const Hash& hash) {
        const auto mask = table.slots.size() - 1;
        std::size_t at = hash[1] & mask;
        while (table.slots[at].line != 0 && table.slots[at].hash != hash) {
            at = (at + 1) & mask;
        }
        return table.slots[at];
    }
    static void grow(Table& table) {
        constexpr std::size_t kSlotsMin = 16;
        std::vector<Slot> old(std::max(kSlotsMin, table.slots.size() * 2));
        old.swap(table.slots);
        for (const auto& slot : old) {
            if (slot.line != 0) {
                place(table, slot.hash) = slot;
            }
        }
    }

    std::array<Table, 256> tables_;
};

void append_number(std::string& out, std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
        out += static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xFFU);
    }
}

}  // namespace

class InputCheck::Impl {
public:
    Result<void> add(const InputItem& item);
    std::string fingerprint() const { return all_.hex(); }

private:
    /// What the first request had, and on which line.
    struct Common {
        std::string value;
        std::int64_t line = 0;
    };
    static Result<void> check_common(Common& first, const std::string& value, std::string_view name, std::int64_t line);

    Sha256 all_;
    Sha256 one_;
    IdLines ids_;
    Common model_;
    Common endpoint_;
    std::int64_t items_ = 0;
    std::string bytes_;
};

Result<void> InputCheck::Impl::check_common(Common& first, const std::string& value, std::string_view name, std::int64_t line) {
    if (first.line == 0) {
        first = {value, line};
    }
    if (first.value != value) {
        return fail(Errc::invalid_field,
                    "line " + std::to_string(line) + ": the " + std::string(name) + " " + shown(value) + " is not " +
                        shown(first.value) + ", which line " + std::to_string(first.line) +
                        " has; a batch is for one of them, split the file");
    }
    return {};
}

Result<void> InputCheck::Impl::add(const InputItem& item) {
    if (items_ == limits::kBatchItemsMax) {
        return fail(Errc::limit_exceeded,
                    "line " + std::to_string(item.line) + ": a job may have " + std::to_string(limits::kBatchItemsMax) +
                        " items; split the input");
    }
    one_.reset();
    one_.update(item.id);
    const auto digest = one_.digest();
    IdLines::Hash hash{};
    std::memcpy(hash.data(), digest.data(), sizeof(hash));
    if (!item.body.empty()) {
        if (auto checked = check_common(model_, item.model, "model", item.line); !checked) {
            return checked;
        }
        if (auto checked = check_common(endpoint_, item.endpoint, "url", item.line); !checked) {
            return checked;
        }
    }
    if (const auto line = ids_.put(hash, item.line); line != 0) {
        return fail(Errc::invalid_field,
                    "line " + std::to_string(item.line) + ": the id " + shown(item.id) + " stands on line " +
                        std::to_string(line) + " already");
    }
    ++items_;
    bytes_.clear();
    for (const auto* text : {&item.id,
                             &item.photo,
                             &item.image_url,
                             &item.question,
                             &item.user_id,
                             &item.language,
                             &item.label,
                             &item.body,
                             &item.model,
                             &item.endpoint}) {
        append_number(bytes_, text->size());
        bytes_ += *text;
    }
    struct stat status {};
    if (!item.photo.empty() && ::stat(item.photo.c_str(), &status) == 0) {
        append_number(bytes_, static_cast<std::uint64_t>(status.st_size));
        append_number(bytes_, static_cast<std::uint64_t>(status.st_mtim.tv_sec));
        append_number(bytes_, static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
    }
    all_.update(bytes_);
    return {};
}

InputCheck::InputCheck() : impl_(std::make_unique<Impl>()) {}
InputCheck::~InputCheck() = default;

Result<void> InputCheck::add(const InputItem& item) {
    assert_may_block();
    return impl_->add(item);
}

std::string InputCheck::fingerprint() const {
    return impl_->fingerprint();
}

}  // namespace eco2::batch
