#include "batch/jobs/pipeline_steps.hpp"

#include "batch/jobs/definition_record.hpp"

#include <utility>

namespace eco2::batch {
namespace {

class PipelineSteps final : public ItemSteps {
public:
    PipelineSteps(std::shared_ptr<const Pipeline> pipeline, ItemWalker::Doors doors)
        : pipeline_(pipeline), walker_(std::move(pipeline), std::move(doors)) {}

    void walk(std::vector<ItemWalk>& items) override { walker_.walk(items); }
    const Pipeline* pipeline() const noexcept override { return pipeline_.get(); }

private:
    std::shared_ptr<const Pipeline> pipeline_;
    ItemWalker walker_;
};

/// A request as its user wrote it: asked, and its answer is the result.
class RequestSteps final : public ItemSteps {
public:
    explicit RequestSteps(std::string model) : model_(std::move(model)) {}

    void walk(std::vector<ItemWalk>& items) override {
        for (auto& item : items) {
            if (item.reply) {
                item.end = ItemWalk::End::done;
                item.result_json = item.reply->text;
                continue;
            }
            auto request = std::make_shared<GenerateRequest>();
            request->request_id = item.id;
            request->model = model_;
            request->chat_json = std::make_shared<const std::string>(item.input.question);
            item.request = std::move(request);
            item.end = ItemWalk::End::asks;
        }
    }
    const Pipeline* pipeline() const noexcept override { return nullptr; }

private:
    const std::string model_;
};

}  // namespace

Result<std::unique_ptr<ItemSteps>> make_steps(const JobRow& job, const StepDoors& doors) {
    if (job.is_requests) {
        return std::unique_ptr<ItemSteps>(std::make_unique<RequestSteps>(job.model));
    }
    auto definition = read_definition_record(job.definition);
    if (!definition) {
        return definition.error();
    }
    auto pipeline = Pipeline::compile(std::move(definition.value()));
    if (!pipeline) {
        return pipeline.error();
    }
    ItemWalker::Doors walk{doors.executor, doors.io_threads, doors.grants, doors.clock, {}};
    for (const auto& stage : pipeline.value()->stages()) {
        StageDoors found;
        const auto& plan = stage.definition;
        if (plan.kind == StageDefinition::Kind::rules) {
            found.rules = doors.rules(plan.store);
        } else if (plan.kind == StageDefinition::Kind::reward) {
            found.reward = doors.reward(plan.engine);
        }
        if (plan.kind != StageDefinition::Kind::infer && found.rules == nullptr && found.reward == nullptr) {
            return fail(Errc::plugin_missing,
                        "stage \"" + plan.name + "\" of pipeline " + job.pipeline + " needs plugin instance \"" +
                            (plan.kind == StageDefinition::Kind::rules ? plan.store : plan.engine) +
                            "\", which is not started");
        }
        walk.stages.push_back(std::move(found));
    }
    return std::unique_ptr<ItemSteps>(std::make_unique<PipelineSteps>(std::move(pipeline.value()), std::move(walk)));
}

}  // namespace eco2::batch
