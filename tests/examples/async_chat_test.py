import chat_test
import support


class Talk(chat_test.Talk):
    """The room behaves as that of chat."""


class SlowAndDead(chat_test.SlowAndDead):
    pass


class Name(chat_test.Name):
    pass


class OtherPrograms(chat_test.OtherPrograms):
    pass


if __name__ == "__main__":
    support.main()
