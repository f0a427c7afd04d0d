import Tokenizers

extension Tokenizer: TextEncoding {}
