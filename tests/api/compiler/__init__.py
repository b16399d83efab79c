"""Operations that are compiled."""
