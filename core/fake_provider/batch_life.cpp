#include "fake_provider/batch_life.hpp"

#include <algorithm>
#include <cmath>

namespace eco2::fake {
namespace {

constexpr std::int64_t kLooksPerPhase = 50;  // how finely progress is made where nobody asks

}  // namespace

BatchLife::Next BatchLife::next(Moment now) {
    std::optional<Next> found;
    while (!found) {
        found = look(now);
    }
    return *found;
}

std::optional<BatchLife::Next> BatchLife::look(Moment now) {
    switch (status_) {
        case BatchStatus::validating: return look_validating(now);
        case BatchStatus::in_progress: return look_in_progress(now);
        case BatchStatus::finalizing:
            if (!is_closed_) {
                return Next{Step::close};
            }
            return end_after(*moments_.finalizing, plan_.finalizing, BatchStatus::completed, now);
        case BatchStatus::cancelling: return look_cancelling(now);
        default: return Next{Step::nothing};
    }
}

std::optional<BatchLife::Next> BatchLife::look_validating(Moment now) {
    if (!is_good_) {
        return Next{Step::validate};
    }
    const Moment end = created_ + plan_.validating;
    if (now < end) {
        return Next{Step::wait, 0, end};
    }
    if (!*is_good_) {
        this->end(BatchStatus::failed, end);
        return std::nullopt;
    }
    status_ = BatchStatus::in_progress;
    moments_.in_progress = end;
    return std::nullopt;
}

std::optional<BatchLife::Next> BatchLife::look_in_progress(Moment now) {
    const Moment deadline = created_ + plan_.window;
    const Moment planned = *moments_.in_progress + plan_.in_progress;
    const Moment stop = plan_.expires_with ? deadline : std::min(planned, deadline);
    const std::int64_t due = lines_due(std::min(now, stop));
    if (done_ < due) {
        return Next{Step::execute, due};
    }
    if (now < stop) {
        const auto step = std::max<std::chrono::nanoseconds>(plan_.in_progress / kLooksPerPhase, std::chrono::milliseconds(1));
        return Next{Step::wait, 0, now < planned ? std::min(now + step, stop) : stop};
    }
    if (done_ >= total_ && !plan_.expires_with) {
        status_ = BatchStatus::finalizing;
        moments_.finalizing = stop;
        return std::nullopt;
    }
    rest_ = Rest::expired;
    if (!is_closed_) {
        return Next{Step::close};
    }
    end(BatchStatus::expired, deadline);
    return std::nullopt;
}

std::optional<BatchLife::Next> BatchLife::look_cancelling(Moment now) {
    const Moment stop = std::min(*moments_.cancelling, created_ + plan_.window);
    const std::int64_t due = !moments_.in_progress ? 0 : plan_.ignores_cancel ? total_ : lines_due(stop);
    if (done_ < due) {
        return Next{Step::execute, due};
    }
    if (!is_closed_) {
        return Next{Step::close};
    }
    const bool completes = plan_.ignores_cancel && moments_.in_progress;
    if (completes && !moments_.finalizing) {
        moments_.finalizing = moments_.cancelling;
    }
    return end_after(*moments_.cancelling, plan_.cancelling, completes ? BatchStatus::completed : BatchStatus::cancelled, now);
}

std::optional<BatchLife::Next> BatchLife::end_after(Moment begun,
                                                    std::chrono::nanoseconds time,
                                                    BatchStatus status,
                                                    Moment now) {
    if (now < begun + time) {
        return Next{Step::wait, 0, begun + time};
    }
    end(status, begun + time);
    return std::nullopt;
}

std::int64_t BatchLife::lines_due(Moment at) const {
    double share = 1;
    if (plan_.in_progress.count() > 0) {
        share = static_cast<double>((at - *moments_.in_progress).count()) / static_cast<double>(plan_.in_progress.count());
    }
    share = std::clamp(share, 0.0, plan_.expires_with.value_or(1.0));
    // Decimal shares of whole numbers must not lose a line to their binary form.
    return static_cast<std::int64_t>(std::floor(static_cast<double>(total_) * share + 1e-6));
}

void BatchLife::validated(bool is_good, std::int64_t lines) {
    is_good_ = is_good;
    total_ = is_good ? lines : 0;
}

bool BatchLife::cancel(Moment now) {
    if (is_over(status_) || status_ == BatchStatus::cancelling) {
        return false;
    }
    status_ = BatchStatus::cancelling;
    moments_.cancelling = now;
    // Where nothing was read yet there is nothing to write a cancelled line for.
    rest_ = moments_.in_progress && !plan_.ignores_cancel ? Rest::cancelled : Rest::none;
    return true;
}

void BatchLife::fail(Moment now) {
    if (!is_over(status_)) {
        end(BatchStatus::failed, now);
    }
}

void BatchLife::end(BatchStatus status, Moment at) {
    status_ = status;
    moments_.end = at;
}

}  // namespace eco2::fake
