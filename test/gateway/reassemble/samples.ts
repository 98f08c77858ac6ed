/** What the pinned llama-server sent for a model of a few words (`echoModel`), streamed and in one piece; only long ids are cut short. */

export const CHAT_STREAM = String.raw`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hello"}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" from"}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" a"}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":"length","index":0,"delta":{}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk","usage":{"completion_tokens":3,"prompt_tokens":8,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":0}},"timings":{"cache_n":0,"prompt_n":8,"prompt_ms":0.457,"prompt_per_token_ms":0.057125,"prompt_per_second":17505.470459518598,"predicted_n":3,"predicted_ms":0.465,"predicted_per_token_ms":0.2325,"predicted_per_second":4301.075268817204}}

data: [DONE]

`;

export const CHAT_BODY = String.raw`{"choices":[{"finish_reason":"length","index":0,"message":{"role":"assistant","content":"Hello from a"}}],"created":1795577086,"model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion","usage":{"completion_tokens":3,"prompt_tokens":8,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":7}},"id":"chatcmpl-1","timings":{"cache_n":7,"prompt_n":1,"prompt_ms":0.333,"prompt_per_token_ms":0.333,"prompt_per_second":3003.003003003003,"predicted_n":3,"predicted_ms":0.108,"predicted_per_token_ms":0.054,"predicted_per_second":18518.51851851852}}`;

export const CHAT_OF_TWO_STREAM = String.raw`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hello"}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":"length","index":0,"delta":{}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk","usage":{"completion_tokens":1,"prompt_tokens":8,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":7}},"timings":{"cache_n":7,"prompt_n":1,"prompt_ms":0.27,"prompt_per_token_ms":0.27,"prompt_per_second":3703.7037037037035,"predicted_n":1,"predicted_ms":0.001,"predicted_per_token_ms":0.0,"predicted_per_second":0.0}}

data: {"choices":[{"finish_reason":null,"index":1,"delta":{"role":"assistant","content":null}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":1,"delta":{"content":"Hello"}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":"length","index":1,"delta":{}}],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk"}

data: {"choices":[],"created":1795577086,"id":"chatcmpl-1","model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion.chunk","usage":{"completion_tokens":1,"prompt_tokens":8,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":7}},"timings":{"cache_n":7,"prompt_n":1,"prompt_ms":0.447,"prompt_per_token_ms":0.447,"prompt_per_second":2237.136465324385,"predicted_n":1,"predicted_ms":0.001,"predicted_per_token_ms":0.0,"predicted_per_second":0.0}}

data: [DONE]

`;

export const CHAT_OF_TWO_BODY = String.raw`{"choices":[{"finish_reason":"length","index":0,"message":{"role":"assistant","content":"Hello"}},{"finish_reason":"length","index":1,"message":{"role":"assistant","content":"Hello"}}],"created":1795577086,"model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"chat.completion","usage":{"completion_tokens":1,"prompt_tokens":8,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":7}},"id":"chatcmpl-1","timings":{"cache_n":7,"prompt_n":1,"prompt_ms":0.22,"prompt_per_token_ms":0.22,"prompt_per_second":4545.454545454545,"predicted_n":1,"predicted_ms":0.001,"predicted_per_token_ms":0.0,"predicted_per_second":0.0}}`;

export const COMPLETION_OF_TWO_STREAM = String.raw`data: null

data: {"choices":[{"text":"Hello","index":1,"logprobs":null,"finish_reason":null}],"created":1795577086,"model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"text_completion","id":"chatcmpl-1"}

data: {"choices":[{"text":"","index":1,"logprobs":null,"finish_reason":"length"}],"created":1795577086,"model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"text_completion","usage":{"completion_tokens":1,"prompt_tokens":3,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":0}},"id":"chatcmpl-1","timings":{"cache_n":0,"prompt_n":3,"prompt_ms":0.498,"prompt_per_token_ms":0.166,"prompt_per_second":6024.096385542169,"predicted_n":1,"predicted_ms":0.001,"predicted_per_token_ms":0.0,"predicted_per_second":0.0}}

data: {"choices":[{"text":"Hello","index":0,"logprobs":null,"finish_reason":null}],"created":1795577086,"model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"text_completion","id":"chatcmpl-1"}

data: {"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}],"created":1795577086,"model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"text_completion","usage":{"completion_tokens":1,"prompt_tokens":3,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":1}},"id":"chatcmpl-1","timings":{"cache_n":1,"prompt_n":2,"prompt_ms":0.564,"prompt_per_token_ms":0.282,"prompt_per_second":3546.0992907801424,"predicted_n":1,"predicted_ms":0.001,"predicted_per_token_ms":0.0,"predicted_per_second":0.0}}

data: [DONE]

`;

export const COMPLETION_OF_TWO_BODY = String.raw`{"choices":[{"text":"Hello","index":0,"logprobs":null,"finish_reason":"length"},{"text":"Hello","index":1,"logprobs":null,"finish_reason":"length"}],"created":1795577086,"model":"demo","system_fingerprint":"b0-0c1e57098bba","object":"text_completion","usage":{"completion_tokens":1,"prompt_tokens":3,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":2}},"id":"chatcmpl-1","timings":{"cache_n":2,"prompt_n":1,"prompt_ms":0.296,"prompt_per_token_ms":0.296,"prompt_per_second":3378.3783783783783,"predicted_n":1,"predicted_ms":0.001,"predicted_per_token_ms":0.0,"predicted_per_second":0.0}}`;

export const NATIVE_STREAM = String.raw`data: {"index":0,"content":"Hello","tokens":[260],"stop":false,"id_slot":-1,"tokens_predicted":1,"tokens_evaluated":3}

data: {"index":0,"content":" from","tokens":[261],"stop":false,"id_slot":-1,"tokens_predicted":2,"tokens_evaluated":3}

data: {"content":"","index":0,"stop":true,"stop_type":"limit","model":"demo","tokens_predicted":2,"tokens_evaluated":3,"timings/cache_n":2}

`;

export const NATIVE_BODY = String.raw`{"content":"Hello from","index":0,"stop":true,"stop_type":"limit","model":"demo","tokens_predicted":2,"tokens_evaluated":3,"timings/cache_n":2}`;

export const RESPONSES_STREAM = String.raw`event: response.created
data: {"type":"response.created","response":{"id":"resp_1","object":"response","status":"in_progress"}}

event: response.in_progress
data: {"type":"response.in_progress","response":{"id":"resp_1","object":"response","status":"in_progress"}}

event: response.output_item.added
data: {"type":"response.output_item.added","item":{"content":[],"id":"msg_1","role":"assistant","status":"in_progress","type":"message"}}

event: response.content_part.added
data: {"type":"response.content_part.added","item_id":"msg_1","part":{"type":"output_text","text":""}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","delta":"Hello"}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","delta":" from"}

event: response.output_text.done
data: {"type":"response.output_text.done","item_id":"msg_1","text":"Hello from"}

event: response.content_part.done
data: {"type":"response.content_part.done","item_id":"msg_1","part":{"type":"output_text","annotations":[],"logprobs":[],"text":"Hello from"}}

event: response.output_item.done
data: {"type":"response.output_item.done","item":{"type":"message","status":"completed","id":"msg_1","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hello from"}],"role":"assistant"}}

event: response.completed
data: {"type":"response.completed","response":{"id":"resp_1","object":"response","created_at":1795577086,"status":"completed","model":"demo","output":[{"type":"message","status":"completed","id":"msg_1","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hello from"}],"role":"assistant"}],"usage":{"input_tokens":8,"output_tokens":2,"total_tokens":10,"input_tokens_details":{"cached_tokens":7}}},"timings":{"cache_n":7,"prompt_n":1,"prompt_ms":0.3,"prompt_per_token_ms":0.3,"prompt_per_second":3333.3333333333335,"predicted_n":2,"predicted_ms":0.17,"predicted_per_token_ms":0.17,"predicted_per_second":5882.35294117647}}

`;

export const RESPONSES_BODY = String.raw`{"completed_at":1795577086,"created_at":1795577086,"id":"resp_1","model":"demo","object":"response","output":[{"content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hello from"}],"id":"msg_1","role":"assistant","status":"completed","type":"message"}],"status":"completed","usage":{"input_tokens":8,"output_tokens":2,"total_tokens":10,"input_tokens_details":{"cached_tokens":7}}}`;

export const MESSAGES_STREAM = String.raw`event: message_start
data: {"type":"message_start","message":{"id":"chatcmpl-1","type":"message","role":"assistant","content":[],"model":"demo","stop_reason":null,"stop_sequence":null,"usage":{"cache_read_input_tokens":7,"input_tokens":1,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" from"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"output_tokens":2}}

event: message_stop
data: {"type":"message_stop"}

`;

export const MESSAGES_BODY = String.raw`{"id":"chatcmpl-1","type":"message","role":"assistant","content":[{"type":"text","text":"Hello from"}],"model":"demo","stop_reason":"max_tokens","stop_sequence":null,"usage":{"cache_read_input_tokens":7,"input_tokens":1,"output_tokens":2}}`;
