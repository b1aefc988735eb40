#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "store/grant_store.hpp"
#include "support/temporary_folder.hpp"
#include "support/threaded_executor.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace eco2::store {

using test::TemporaryFolder;

/// Collects what `done` tells; waits for a number of answers.
class Answers {
public:
    std::function<void(Result<void>)> next() {
        return [this](Result<void> result) {
            const std::lock_guard lock(mutex_);
            results_.push_back(std::move(result));
            changed_.notify_all();
        };
    }

    std::vector<Result<void>> wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return results_.size() >= count; }));
        return results_;
    }

    std::size_t failures() {
        const std::lock_guard lock(mutex_);
        std::size_t count = 0;
        for (const auto& result : results_) {
            count += result ? 0 : 1;
        }
        return count;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Result<void>> results_;
};

inline Grant grant_of(int user, int code) {
    return {"user-" + std::to_string(user), "code-" + std::to_string(code), "name", "run-" + std::to_string(code)};
}

inline std::unique_ptr<GrantStore> open_store(const std::string& path, Executor& executor, GrantStore::Options options = {}) {
    auto store = GrantStore::open(path, executor, null_log(), system_clock(), options);
    EXPECT_TRUE(store) << store.error().text();
    return store ? std::move(*store) : nullptr;
}

}  // namespace eco2::store
