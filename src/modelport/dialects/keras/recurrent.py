"""Recurrent layers: SimpleRNN, LSTM, GRU, RNN over cells, ConvLSTM."""
