#pragma once

#include <memory>
#include <utility>

namespace eco2 {

/// A shared immutable value that is replaced as a whole: readers keep the one that they took.
///
/// Thread-safety: any thread. std::atomic<std::shared_ptr> is a reported race on libstdc++ 12 and absent from libc++ 16.
template <class T>
class Snapshot {
public:
    Snapshot() = default;
    explicit Snapshot(std::shared_ptr<const T> value) : value_(std::move(value)) {}

    std::shared_ptr<const T> get() const { return std::atomic_load(&value_); }
    void set(std::shared_ptr<const T> value) { std::atomic_store(&value_, std::move(value)); }

private:
    std::shared_ptr<const T> value_;
};

}  // namespace eco2
