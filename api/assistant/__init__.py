"""The assistant: answers messages where somebody asks for it, by an endpoint that speaks OpenAI's chat completions."""
