#include "fake_provider/file_body.hpp"

#include <algorithm>
#include <utility>

namespace eco2::fake {
namespace {

constexpr std::int64_t kPieceBytes = 256 * 1024;

}  // namespace

net::BodySource::Pull FileBody::pull(std::string& out) {
    out += std::exchange(head_, {});
    const auto wanted = static_cast<std::size_t>(std::min(kPieceBytes, end_ - at_));
    const std::size_t before = out.size();
    out.resize(before + wanted);
    const Result<std::size_t> got = file_->read(at_, out.data() + before, wanted);
    out.resize(before + (got ? *got : 0));
    at_ += got ? static_cast<std::int64_t>(*got) : 0;
    // A disk that fails ends the connection early, which the announced length makes known.
    if (!got || *got < wanted || at_ >= end_) {
        return Pull::ended;
    }
    waker_->wake();
    return Pull::more_later;
}

}  // namespace eco2::fake
