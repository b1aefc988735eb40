#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every limit of the host, each with its reason. A limit that an operator should turn is a configuration key whose default is
/// here.
namespace eco2::limits {

using namespace std::chrono_literals;

// requests from clients
inline constexpr std::size_t kRequestHeadBytesMax = 16 * 1024;         // browsers send up to 8 KiB of cookies
inline constexpr std::size_t kRequestBodyBytesMax = 14 * 1024 * 1024;  // a 10 MiB photo as base64
inline constexpr auto kRequestHeadTimeout = 10s;                       // a slow sender holds a descriptor
inline constexpr auto kRequestBodyTimeout = 30s;                       // 14 MiB at 4 Mbit/s
inline constexpr auto kConnectionIdleTimeout = 75s;                    // between requests; above common proxies' 60 s
inline constexpr auto kWriteStallTimeout = 10s;                        // a client that never reads
inline constexpr std::size_t kConnectionsMax = 20'000;                 // the system's descriptors of one process
inline constexpr std::size_t kPipelinedBytesMax = 32 * 1024;      // read ahead while a reply is due; beyond it the socket waits
inline constexpr auto kLingerTimeout = 1s;                        // for the client to read a refusal before the reset
inline constexpr std::size_t kLingerBytesMax = 32 * 1024 * 1024;  // of a body nobody wants: two of the largest
inline constexpr std::size_t kSocketReadBytes = 64 * 1024;        // one shared buffer per I/O thread, never one a connection
inline constexpr auto kAcceptPause = 50ms;                        // after an accept that failed for want of descriptors
inline constexpr std::size_t kQuestionBytesMax = 2'000;           // bytes of user_input: it is copied into two prompts
inline constexpr std::size_t kInlineParseBytesMax = 64 * 1024;    // larger bodies are parsed on the blocking pool
inline constexpr std::size_t kUrlBytesMax = 2'048;
inline constexpr std::size_t kJsonDepthMax = 32;
inline constexpr std::size_t kFormPartsMax = 16;            // the endpoints know five
inline constexpr std::size_t kFormHeadBytesMax = 4 * 1024;  // of one part: a file name may be long
inline constexpr std::size_t kFormNameBytesMax = 64;

// photos
inline constexpr std::size_t kImageBytesMax = 10 * 1024 * 1024;
inline constexpr int kImageSideMin = 32;
inline constexpr int kImageSideMax = 12'000;
inline constexpr long kImagePixelsMax = 40'000'000;
inline constexpr int kImageSideTarget = 1'024;      // what vision models see at high detail
inline constexpr std::size_t kImageQueueMax = 256;  // photos waiting for the photo pool
inline constexpr std::size_t kImageThreads = 2;
inline constexpr std::size_t kImageQueueBytesMax = 512 * 1024 * 1024;  // 256 photos of the largest size would be 2.5 GiB
inline constexpr auto kImageDecodeTimeMax = 5s;                        // 40 MP take about 0.5 s; more is a hostile file
inline constexpr std::size_t kImageSegmentsMax = 20'000;  // a 10 MB PNG with 8 KiB chunks has 1,300; read on an I/O thread
inline constexpr int kImageRedirectsMax = 3;              // of a photo that the host fetches
inline constexpr auto kImageFetchTimeMax = 10s;           // redirects and all; the run waits for it
inline constexpr int kImageJpegQuality = 82;              // a photo of 1,024 px is then about 95 KB

// upstream
inline constexpr auto kUpstreamConnectTimeout = 5s;
inline constexpr std::size_t kUpstreamHeadBytesMax = 32 * 1024;
inline constexpr std::size_t kUpstreamBodyBytesMax = 8 * 1024 * 1024;
inline constexpr std::size_t kUpstreamIdlePerOriginMax = 4'096;  // per I/O thread; beyond it connections are closed
inline constexpr auto kStaleConnectionWindow = 100ms;  // an end this soon is of a connection that was closed before the request
inline constexpr auto kUpstreamIdleTimeout = 30s;      // below common servers' 60 s, so that they do not win the race
inline constexpr std::size_t kUpstreamWaitingMax = 16'384;   // exchanges open per I/O thread
inline constexpr auto kNameLifetime = 30s;                   // a resolved name is asked again after it; providers move slowly
inline constexpr std::size_t kNamesKeptMax = 1'024;          // per I/O thread; plugins may ask for any host
inline constexpr std::size_t kTlsSessionsKeptMax = 256;      // per I/O thread, one an origin
inline constexpr std::size_t kProxyHeadBytesMax = 8 * 1024;  // of a proxy's answer to CONNECT
inline constexpr std::size_t kSseLineBytesMax = 1024 * 1024;
inline constexpr std::size_t kProviderTextBytesMax = 2 * 1024 * 1024;  // of one answer: 128,000 tokens, with room
inline constexpr std::size_t kModelNameBytesMax = 200;  // as an upstream tells it: it stands in every result and log line

// routing
inline constexpr std::size_t kTrailBytesMax = 2 * 1024;       // of one request: some twenty decisions
inline constexpr std::size_t kHeldChunksMax = 64;             // start-up events held back until the first content
inline constexpr std::size_t kHeldBytesMax = 256 * 1024;      // of them; what is beyond is dropped
inline constexpr std::size_t kPrefixHashBytesMax = 1'024;     // providers cache prompts from about 1,024 tokens on
inline constexpr std::int64_t kReservedOutputTokens = 1'024;  // where a request does not say how long its answer may be
inline constexpr std::size_t kTargetsKept =
    4'096;  // provider and model pairs; clients choose model names; idle ones are dropped
inline constexpr std::chrono::milliseconds kToldWaitMax{3'600'000};  // of what an upstream tells: a day's limit is tried hourly
inline constexpr std::chrono::milliseconds kLimitedRestMax{60'000};  // without a hint: any minute is over by then
inline constexpr std::chrono::milliseconds kKeyProbeMax{3'600'000};  // of a refused key; a bill may be paid at any time
inline constexpr std::chrono::milliseconds kAskAgain{250};           // where an answer under way may change things sooner
inline constexpr std::chrono::milliseconds kAskAgainBehind{1'000};   // likewise, with so many ahead that it will not at once

// runs
inline constexpr std::size_t kStagesMax = 32;    // events hold a stage's number in a byte, progress is in percent
inline constexpr auto kRunDeadline = 120s;       // the seed's stream limit
inline constexpr std::size_t kRunsMax = 20'000;  // per host; descriptors end at 9,500 live runs
inline constexpr auto kKeepAliveInterval = 1s;   // the seed's contract on classify/completion
inline constexpr auto kDrainTimeout = 130s;      // a run's deadline and its last frame

// who may use the host
inline constexpr auto kKeyPollInterval = 1s;              // until a new or revoked API key counts
inline constexpr std::size_t kJwtBytesMax = 8 * 1024;     // the request's head has 16 KiB
inline constexpr std::size_t kJwtSecretBytesMin = 32;     // RFC 7518, 3.2: as long as the hash
inline constexpr auto kStreamTokenLifetime = 60s;         // from asking for it to opening the stream
inline constexpr std::size_t kStreamTokensMax = 100'000;  // of a host
inline constexpr std::size_t kStreamTokensPerUserMax = 100;
inline constexpr std::size_t kQuotaUsersMax = 1'000'000;  // remembered for a minute each

inline constexpr auto kAdminTimeout = 15s;  // of a command that asks a host on this machine

// reloads
inline constexpr auto kReloadTimeout = 120s;         // of the command that asks for one: plugins start, self-tests run
inline constexpr std::size_t kControlQueueMax = 16;  // reloads that wait for the one under way; all would do the same
inline constexpr auto kTendInterval = 50ms;          // of looking whether replaced instances are free, while there are any

// the OpenAI-compatible front door
inline constexpr std::size_t kChatJsonDepthMax = 64;            // tools carry JSON Schemas, which nest
inline constexpr std::size_t kChatPendingBytesMax = 64 * 1024;  // unread by a slow client; beyond it the upstream waits
inline constexpr auto kChatSilenceMax = 15s;              // before a stream is opened without content: proxies give up at 30
inline constexpr std::size_t kChatTrailBytesMax = 1'024;  // of x-eco2-trail: proxies take 4 KiB of headers
inline constexpr std::size_t kRequestIdBytesMax = 128;    // a client's own x-request-id
inline constexpr std::size_t kMergedAnswersMax = 1'000;   // answers with an Idempotency-Key under way; others go alone
inline constexpr std::size_t kMergedAnswerBytesMax = 256 * 1024;  // kept of one for late joiners; beyond it none can join

// submitted runs
inline constexpr auto kDeltaInterval = 100ms;  // words of a model come in one event per so long: durable ones cost a row each
inline constexpr auto kRunStoreRetryDelay = 500ms;                     // after a write that failed
inline constexpr std::size_t kSubmittedBytesMax = 1024 * 1024 * 1024;  // photos and events of runs under way
inline constexpr std::size_t kEndedBytesMax = 64 * 1024 * 1024;        // ended runs that polls find without the disk
inline constexpr std::size_t kSubmittedBytesEach = 8 * 1024;           // of a run besides its photo, by measurement
inline constexpr auto kRunCommitWindow = 5ms;                          // one commit costs 0.4 ms of CPU, however many rows
inline constexpr std::size_t kRunBatchMax = 4'096;                     // writes of one commit: some 50 ms
inline constexpr std::size_t kRunQueueMax = 100'000;                   // waiting calls: 20 s of the heaviest load
inline constexpr auto kRunExpireInterval = 1s;                         // of looking for runs whose time is over
inline constexpr auto kRunExpireAgain = 100ms;                         // where one go was not enough
inline constexpr std::size_t kRunExpireMax = 256;        // of them in one go, so that writes wait for less than 50 ms
inline constexpr std::size_t kJournalSweepMax = 16'384;  // rows of the journal in one go, for the same reason
inline constexpr std::chrono::seconds kResultLifetime{3'600};
inline constexpr std::chrono::seconds kDeadLetterLifetime{7 * 24 * 3'600};
inline constexpr int kReplaysMax = 3;                        // of one dead run; then it is likely the run that is at fault
inline constexpr int kRunRecoveriesMax = 10;                 // then it is likely the run that ends the host
inline constexpr auto kStreamKeepAliveInterval = 15s;        // the contract of the events endpoint
inline constexpr std::chrono::seconds kResultWaitMax{120};   // of a request that waits for its result: a run's deadline
inline constexpr std::size_t kIdempotencyKeyBytesMax = 255;  // a UUID has 36
inline constexpr std::size_t kRunListMax = 200;              // of one page

// files that people write
inline constexpr std::size_t kConfigFileBytesMax =
    8 * 1024 * 1024;                               // configuration, prompts, schemas, taxonomy: all held in memory
inline constexpr std::size_t kSecretBytesMin = 6;  // a shorter one would blot out ordinary words in the log

// log and metrics
inline constexpr std::size_t kLogBufferBytesMax = 1024 * 1024;  // lines that stderr has not taken; beyond it they are dropped
inline constexpr auto kLogFlushAtExit = 2s;                     // a stderr that takes nothing must not keep a host from ending
inline constexpr auto kLogFlushInterval = 100ms;                // one write for many lines; warnings and errors go at once
inline constexpr std::size_t kLogValueBytesMax = 8 * 1024;      // of a message or a field: a line stays readable
inline constexpr std::size_t kMetricLabelBytesMax = 128;
inline constexpr std::size_t kHostMetricLabelSetsMax = 2'048;  // per metric: 20 providers by 50 error codes by some kinds
inline constexpr std::size_t kPluginMetricsMax = 256;          // of all plugins together
inline constexpr std::size_t kPluginMetricLabelsMax = 8;

// plugins
inline constexpr std::size_t kBlockingThreads = 4;
inline constexpr std::size_t kBlockingQueueMax = 10'000;
inline constexpr auto kCancelGrace = 1s;
inline constexpr auto kPluginCallMax = 10ms;  // longer on an I/O thread is logged and counted
inline constexpr std::size_t kMetricLabelSetsMax = 64;
inline constexpr std::size_t kInstanceMetricsMax = 64;        // per plugin instance
inline constexpr std::size_t kPluginTimersMax = 65'536;       // per instance: one for each open run, and room
inline constexpr std::size_t kPluginHttpHeadersMax = 64;      // of one request of a plugin's
inline constexpr std::size_t kCallQueueBytesMax = 64 * 1024;  // told by another thread and not yet fetched; then PAUSE
inline constexpr std::size_t kRetiredCallsKept = 256;         // ended calls kept to recognise callbacks that come too late
inline constexpr auto kPluginHealthTimeout = 2s;              // an instance's self-test at start-up

// grants
inline constexpr auto kGrantCommitWindow = 5ms;  // one commit costs 0.4 ms of CPU, however many rows
inline constexpr std::size_t kGrantBatchMax = 256;
inline constexpr std::size_t kGrantQueueMax = 10'000;
inline constexpr std::size_t kKnownGrantsMax = 100'000;          // remembered (user, character) pairs that need no write
inline constexpr std::size_t kGrantFieldBytesMax = 1'024;        // a plugin chooses code and name
inline constexpr std::size_t kGrantSettleRows = 50;              // one settling costs one commit
inline constexpr auto kGrantSettleInterval = 5s;                 // so that the outbox is short after a quiet moment
inline constexpr std::size_t kGrantSettleBatchMax = 1'000;       // keeps writes waiting for less than 50 ms
inline constexpr std::chrono::seconds kGrantExpireInterval{60};  // of looking for grants whose time is over
inline constexpr auto kGrantBusyTimeout = 2s;                    // a reader (CLI, backup) holds the lock for milliseconds
inline constexpr std::size_t kSqliteCheckBytesMax =
    64 * 1024 * 1024;  // checked whole at start-up (0.2 s); beyond it, as it is read

// accounting
inline constexpr auto kLedgerCommitWindow = 1s;  // sums wait so long for the disk: at most one commit a second, 0.4 ms of CPU
inline constexpr std::size_t kLedgerRowsPendingMax =
    100'000;                                              // sums in memory while the disk fails: some 40 MB; then coarser ones
inline constexpr std::size_t kLedgerFieldBytesMax = 256;  // an upstream chooses its model's name
inline constexpr std::size_t kRoutedRecordsKept = 500;    // for `eco2 explain`
inline constexpr std::size_t kTrailKeptBytesMax = 8 * 1024;  // of each: as much as a log line shows

// fake provider (tests, demos, load)
inline constexpr std::size_t kFakeScriptMax = 10'000;                   // one entry a request of a long test
inline constexpr std::size_t kFakeBodiesKept = 20;                      // last request bodies in /fake/stats
inline constexpr std::size_t kFakeBodyKeptBytesMax = 64 * 1024;         // of each: a prompt fits, an inline photo is cut
inline constexpr int kFakeDelayMsMax = 3'600'000;                       // also ends a reply that is to stay silent
inline constexpr int kFakePiecesMax = 100'000;                          // chunks of one stream
inline constexpr std::size_t kFakeBillRowsMax = 10'000;                 // pairs of key and model with a row of their own
inline constexpr std::size_t kFakeBillRequestsMax = 50'000;             // listed in the bill: about 15 MB
inline constexpr std::size_t kFakeModelsSeenMax = 10'000;               // whose first attempts are told from later ones
inline constexpr std::size_t kFakeNameBytesMax = 200;                   // of a model, key or id in the bill
inline constexpr std::size_t kFakeAccountsMax = 10'000;                 // accounts, and keys of them all
inline constexpr std::size_t kFakeTextBytesMax = 256 * 1024;            // of a plain answer: one chunk a word
inline constexpr std::size_t kFakeHugeBodyBytesMax = 64 * 1024 * 1024;  // above every limit that it is there to test

// fake provider: files and batches
inline constexpr std::size_t kFakeUploadBytesMax = 210 * 1000 * 1000;    // a batch file of 200 MB and its form
inline constexpr auto kFakeUploadTimeout = 300s;                         // 210 MB at 6 Mbit/s
inline constexpr std::size_t kFakeFilesMax = 100'000;                    // kept at once, of every purpose
inline constexpr std::size_t kFakeBatchesMax = 100'000;                  // kept at once, in every state
inline constexpr std::size_t kFakeBatchFaultsMax = 1'000;                // entries of a list
inline constexpr std::size_t kFakeBatchErrorsMax = 100;                  // told of one file that is not valid
inline constexpr std::int64_t kFakeBatchLinesMax = 5'000'000;            // of one file, whatever the options say
inline constexpr std::int64_t kFakeBatchPhaseMsMax = 30LL * 86'400'000;  // one phase of a batch
inline constexpr std::size_t kFakeLineBytesMax = 64 * 1024 * 1024;       // of one input line: an image of 40 MB as base64
inline constexpr std::size_t kFakeShuffleBytesMax = 16 * 1024 * 1024;    // of answers that wait to be written in another order
inline constexpr std::size_t kFakeBilledItemsMax = 2'000'000;            // whose executions are told apart: about 200 MB
inline constexpr std::size_t kFakeBilledLinesMax = 50'000;               // executions listed in the bill

}  // namespace eco2::limits
