"""What the checker says, in English and in Korean (한국어): one table, by the code of what was found.

Each entry has a cause, WHY, and what to do, FIX, with the places in braces filled in from the facts. Short, exact,
kind: written for someone at night before a deadline. WHY never contains the right formula; FIX may point at it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["LANGUAGES", "MESSAGES", "Message", "failed", "say", "word"]

LANGUAGES = ("en", "ko")


class Message(NamedTuple):
    """A sentence that says why, and one that says what to do, in one language."""

    why: str
    fix: str


def _both(why: str, fix: str, korean_why: str, korean_fix: str) -> dict[str, Message]:
    return {"en": Message(why, fix), "ko": Message(korean_why, korean_fix)}


# ---------------------------------------------------------------------------------------- what holds for every exercise
MESSAGES: dict[str, dict[str, Message]] = {
    "SIGN": _both(
        "{arrays} has exactly the opposite sign.",
        "Descent or ascent? Prediction − target, or the other way round?",
        "{arrays}의 부호가 정확히 반대입니다.",
        "하강인지 상승인지, 예측 − 정답인지 그 반대인지 보세요.",
    ),
    "FACTOR": _both(
        "{arrays} is exactly {factor} times the right one{measured}.",
        "{factor_of}",
        "{arrays}이(가) 정답의 정확히 {factor}배입니다{measured}.",
        "{factor_of}",
    ),
    "AS_FORWARD": _both(
        "{arrays} is the derivative of your own forward: what is wrong there is wrong here.",
        "Mend the forward, and derive this again.",
        "{arrays}은(는) 여러분의 순전파의 미분입니다. 순전파에서 틀린 것이 여기서도 틀립니다.",
        "순전파를 고치고 다시 미분해 보세요.",
    ),
    "ZERO": _both(
        "{arrays} is zero everywhere; nothing has reached it.",
        "Is it computed at all, and is what was computed the thing that is returned?",
        "{arrays}이(가) 모두 0입니다. 아무 값도 전달되지 않았습니다.",
        "계산을 하고 있는지, 계산한 값을 반환하고 있는지 보세요.",
    ),
    "SWAPPED": _both(
        "The numbers of {arrays} are right, but they stand in each other's places: what came is {order}.",
        "Return them in the order of the contract, or as a dict with their names.",
        "{arrays}의 값은 맞지만 자리가 서로 바뀌었습니다. 실제로 온 순서는 {order}입니다.",
        "문제에 적힌 순서대로 반환하거나, 이름을 붙인 dict로 반환하세요.",
    ),
    "TRANSPOSED": _both(
        "{arrays} has the right numbers with its axes in another order: it is transposed.",
        "Write the shapes beside the product. A gradient has the shape of what it is the gradient of.",
        "{arrays}의 값은 맞지만 축의 순서가 다릅니다. 전치되어 있습니다.",
        "곱 옆에 shape을 적어 보세요. 그래디언트는 미분한 변수와 shape이 같습니다.",
    ),
    "EXTRA_AXES": _both(
        "{arrays} has the right numbers in the shape {got}; asked for was {expected}.",
        "A keepdims too many, or one that is missing? Or a list around the array?",
        "{arrays}의 값은 맞지만 shape이 {got}입니다. {expected}이어야 합니다.",
        "keepdims를 잘못 썼거나 빠뜨리지 않았나요? 배열을 리스트로 감싸지는 않았나요?",
    ),
    "NOT_REDUCED": _both(
        "{arrays} has the shape {got}; asked for was {expected}. The numbers are right, but they have not been added "
        "up (or averaged) yet.",
        "Sum over the axes that the asked shape does not have; over the batch the contract says sum or mean.",
        "{arrays}의 shape이 {got}입니다. {expected}이어야 합니다. 값은 맞지만 아직 더하지(평균하지) 않았습니다.",
        "구하는 shape에 없는 축을 따라 더하세요. 배치 축은 합인지 평균인지 문제를 보세요.",
    ),
    "REDUCED": _both(
        "{arrays} has the shape {got}; asked for was {expected}. What should have stayed apart has been added up.",
        "Leave that sum (or mean) out: every number of the input has its own derivative.",
        "{arrays}의 shape이 {got}입니다. {expected}이어야 합니다. 따로 두어야 할 값을 더했습니다.",
        "그 합(또는 평균)을 빼세요. 입력의 수마다 자기 미분이 있습니다.",
    ),
    "SUMMED_OVER": _both(
        "{arrays} is the sum of {argument} over {axes}, which are not the axes to sum over.",
        "Sum over the axes along which the value was repeated, and over no other.",
        "{arrays}은(는) {argument}을(를) {axes}(으)로 더한 것인데, 더해야 할 축이 아닙니다.",
        "값이 반복되어 쓰인 축만 따라 더하세요.",
    ),
    "SHAPE": _both(
        "{arrays} has the shape {got}; asked for was {expected}.",
        "Print the shape after each line, and find the first that is not what you expect.",
        "{arrays}의 shape이 {got}입니다. {expected}이어야 합니다.",
        "한 줄마다 shape을 출력해서, 예상과 달라지는 첫 줄을 찾으세요.",
    ),
    "RESHAPED": _both(
        "{arrays} has the right numbers, but was reshaped where it should have been transposed.",
        "A reshape keeps the order in memory and only cuts it differently; .T puts rows where columns were.",
        "{arrays}의 값은 맞지만, 전치(transpose)할 것을 reshape했습니다.",
        "reshape는 메모리의 순서를 그대로 두고 다르게 자를 뿐입니다. 행과 열을 바꾸는 것은 .T입니다.",
    ),
    "FLIPPED": _both(
        "{arrays} has the right numbers, turned round along {axes}.",
        "Something is read from its end: a [::-1], or, of a convolution, a kernel that lies the other way in the "
        "backward than in the forward.",
        "{arrays}의 값은 맞지만 {axes}을(를) 따라 뒤집혀 있습니다.",
        "무언가를 끝에서부터 읽었습니다. [::-1]이 있는지, 합성곱이라면 forward와 backward에서 커널의 방향을 보세요.",
    ),
    "SHIFTED": _both(
        "{arrays} has the right numbers in the wrong place: moved by {shift} along its axes.",
        "Off by one: look where counting begins, and, of a convolution, where the padding is cut off.",
        "{arrays}의 값은 맞지만 자리가 {shift}만큼 밀려 있습니다.",
        "한 칸 차이입니다. 세기 시작하는 곳을, 합성곱이라면 패딩을 잘라내는 곳도 보세요.",
    ),
    "EXTRA_FACTOR": _both(
        "{arrays} is right, but multiplied by {quantity} once too often.",
        "Where does it come in for the second time? Or has something cancelled it in the formula asked for?",
        "{arrays}에 {quantity}이(가) 한 번 더 곱해져 있습니다.",
        "어디에서 두 번째로 곱해집니까? 식에서 다른 것과 약분되어 없어지지는 않습니까?",
    ),
    "MISSING_FACTOR": _both(
        "{arrays} is right, but for the factor {quantity}, which is missing.",
        "Go through the chain rule from the output to this input: which step has not been multiplied in?",
        "{arrays}에 {quantity}이(가) 곱해지지 않았습니다.",
        "출력에서 이 입력까지 연쇄법칙을 따라가며, 곱하지 않은 단계를 찾으세요.",
    ),
    "ADDED": _both(
        "{arrays} is {times}, with {factor} times {quantity} added to it.",
        "That part does not belong here: a weight decay, a second path, or a variable that was not reset?",
        "{arrays}은(는) {times}에 {quantity}의 {factor}배가 더해진 값입니다.",
        "여기에 속하지 않는 항입니다. 가중치 감쇠, 다른 경로, 초기화하지 않은 변수인지 보세요.",
    ),
    "TERMS": _both(
        "{arrays} is a sum of several parts. {parts} {others}",
        "Every path from the input to the output gives one part; count them, with their signs.",
        "{arrays}은(는) 여러 항의 합입니다. {parts} {others}",
        "입력에서 출력까지의 경로마다 항이 하나씩 있습니다. 부호와 함께 세어 보세요.",
    ),
    "WRONG_INPUT": _both(
        "{arrays} is what comes out with {instead} in the place of {argument}.",
        "Look what goes in there: a variable that was changed before or cached under the same name, or one operation "
        "too many or too few?",
        "{arrays}은(는) {argument} 자리에 {instead}을(를) 넣었을 때 나오는 값입니다.",
        "그 자리에 무엇이 들어가는지 보세요. 앞에서 바뀌었거나 같은 이름으로 저장된 변수, 또는 연산 하나가 더 있거나 "
        "빠진 것은 아닌가요?",
    ),
    "EXCHANGED": _both(
        "{arrays} is what comes out with {argument} and {other} in each other's places.",
        "Look at the order of the arguments, and in what order a cache is packed and unpacked.",
        "{arrays}은(는) {argument}과(와) {other}을(를) 서로 바꾸어 넣었을 때 나오는 값입니다.",
        "인자의 순서와, cache에 넣고 꺼내는 순서를 보세요.",
    ),
    "LEFT_OUT": _both(
        "{arrays} is what comes out of the right formula with one thing left out of it{line}.",
        "“{removed}” is missing{meaning}: forgotten, cancelled too early, or lost between two lines?",
        "{arrays}은(는) 바른 식에서 하나를 빠뜨렸을 때 나오는 값입니다{line}.",
        "“{removed}”이(가) 없습니다{meaning}. 빠뜨렸거나, 너무 일찍 약분했거나, 줄 사이에서 잃어버렸을 수 있습니다.",
    ),
    "EDIT": _both(
        "{arrays} is what comes out of the right formula with “{put}” in the place of something else{line}.",
        "“{removed}” belongs there{meaning}. One name for another, one function or axis for another, a sign?",
        "{arrays}은(는) 바른 식의 한 자리에 “{put}”을(를) 썼을 때 나오는 값입니다{line}.",
        "그 자리에는 “{removed}”이(가) 들어갑니다{meaning}. 이름, 함수, 축, 부호를 바꾸어 쓰지 않았는지 보세요.",
    ),
    "INSTEAD": _both(
        "{arrays} is {factor} times {quantity}, and nothing else.",
        "Is something returned before it is worked out to the end, or does a number stand where a size belongs?",
        "{arrays}은(는) {quantity}의 {factor}배일 뿐입니다.",
        "끝까지 계산하기 전의 값을 반환하거나, 크기(N 등) 대신 숫자를 쓰고 있지 않은지 보세요.",
    ),
    "INDICES": _both(
        "In {arrays} not all indices of {argument} along {axis} count as they should: {which}.",
        "Inside a loop: “=” where “+=” is meant, a return that is indented too far, or a range that ends too early?",
        "{arrays}에서 {argument}의 {axis} 인덱스가 제대로 반영되지 않았습니다: {which}.",
        "반복문 안에서 “+=” 대신 “=”을 썼거나, return을 너무 안쪽에 썼거나, range가 일찍 끝나지 않는지 보세요.",
    ),
    "PLACE": _both(
        "{arrays} is wrong only {place}, and right everywhere else.",
        "What is special there? A border, a mask, or a case of its own.",
        "{arrays}은(는) {place}에서만 틀리고, 다른 곳은 모두 맞습니다.",
        "그곳이 무엇이 다른지 보세요. 경계, 마스크, 또는 따로 다룬 경우입니다.",
    ),
    "BOUND": _both(
        "{arrays} is right while {argument} lies between {low} and {high}, and wrong beyond.",
        "A clip, or a cut-off series? What is clipped is flat, and gives no slope just where it should push hardest. "
        "ln(1 + eᵃ) and the like have forms that need no clip.",
        "{arrays}은(는) {argument}이(가) {low}와 {high} 사이일 때만 맞고, 그 밖에서는 틀립니다.",
        "clip을 썼거나 급수를 도중에 끊었나요? 잘린 곳은 평평해서, 가장 세게 밀어야 할 곳에 기울기가 없습니다. "
        "ln(1 + eᵃ) 같은 식에는 clip이 필요 없는 꼴이 있습니다.",
    ),
    "DOUT_IGNORED": _both(
        "{arrays} does not change when the gradient from above does: dout is not used.",
        "The chain rule multiplies your derivative with dout, whatever comes after this function.",
        "위에서 오는 그래디언트를 바꾸어도 {arrays}이(가) 그대로입니다. dout을 쓰지 않았습니다.",
        "뒤에 어떤 함수가 오든, 연쇄법칙은 이 함수의 미분에 dout을 곱합니다.",
    ),
    "NOT_FINITE": _both(
        "{arrays}: not a number, or infinite; the first at {name}{index}.",
        "A logarithm of 0 or of a negative number, a division by 0, or e to the power of something large. Print what "
        "goes in there.",
        "{arrays}에 유한하지 않은 값(NaN, inf)이 있습니다. 처음 나타난 곳은 {name}{index}입니다.",
        "0이나 음수의 로그, 0으로 나누기, 너무 큰 수의 지수인지, 그곳에 들어가는 값을 출력해 보세요.",
    ),
}

# ---------------------------------------------------------------------------------------------------------------- notes
MESSAGES |= {
    "CHANGED": _both(
        "{arguments}: an argument was written to.",
        "Whoever called you still needs it: work on a copy.",
        "{arguments}: 인자로 받은 배열을 고쳤습니다.",
        "부른 쪽에서 아직 쓰는 배열입니다. 복사본에 쓰세요.",
    ),
    "SHARED": _both(
        "{output} is the same array as {argument}.",
        "A later += would change both; return a copy.",
        "{output}이(가) {argument}과(와) 같은 배열입니다.",
        "나중에 +=를 하면 둘 다 바뀝니다. 복사본을 반환하세요.",
    ),
    "RANDOM": _both(
        "Called again with the same arguments, the function gives another answer: it draws random numbers of its own, "
        "or remembers something from call to call.",
        "Noise and state are arguments here: the backward needs the very numbers that the forward had, and a step gets "
        "what the step before returned.",
        "같은 인자로 다시 부르면 다른 값을 반환합니다. 스스로 난수를 뽑거나, 이전 호출의 무언가를 기억하고 있습니다.",
        "잡음과 상태는 인자로 주어집니다. backward에는 forward와 똑같은 수가 필요하고, 한 단계는 앞 단계가 반환한 것을 "
        "받습니다.",
    ),
    "DREW": _both(
        "The function uses NumPy's own random generator: it draws from it, or seeds it.",
        "Noise is an argument here: the backward needs the very numbers that the forward had.",
        "함수가 NumPy의 전역 난수 생성기를 씁니다. 난수를 뽑거나 시드를 정하고 있습니다.",
        "잡음은 인자로 주어집니다. backward에는 forward와 똑같은 수가 필요합니다.",
    ),
    "INTEGERS": _both(
        "{output} came as {dtype}: whatever stood behind the decimal point is lost.",
        "An array made with a list of whole numbers, or by zeros_like of one, holds whole numbers only.",
        "{output}이(가) {dtype}형입니다. 소수점 아래가 버려집니다.",
        "정수 리스트나 정수 배열의 zeros_like로 만든 배열에는 정수만 담깁니다.",
    ),
    "SINGLE": _both(
        "{output} came as {dtype}; seven digits are compared, not fifteen.",
        "",
        "{output}이(가) {dtype}형이어서, 열다섯 자리가 아니라 일곱 자리까지 비교했습니다.",
        "",
    ),
    "KINK": _both(
        "Where there is no derivative, at a kink or a tie, {outputs} follows another convention than ours.",
        "Nothing is taken off for that.",
        "미분이 없는 점(꺾인 점, 동점)에서 {outputs}이(가) 우리와 다른 관례를 따릅니다.",
        "감점은 없습니다.",
    ),
    "NO_SLOPE": _both(
        "At a kink or a tie {outputs} does not lie between the slopes on both sides: there is too much of it, or too "
        "little.",
        "Nothing is taken off, but this is no convention. Of several that are equal, who gets the gradient?",
        "꺾인 점이나 동점에서 {outputs}이(가) 양쪽 기울기 사이에 있지 않습니다. 너무 많거나 너무 적게 전달되었습니다.",
        "감점은 없지만 이것은 관례가 아닙니다. 같은 값이 여럿이면 기울기는 누가 받습니까?",
    ),
    "KINK_VALUE": _both(
        "At a kink or a tie {outputs} is wrong: the derivative may be a matter of taste there, the value is not.",
        "Nothing is taken off, but what comes out when several are equal, or when an input is exactly 0?",
        "꺾인 점이나 동점에서 {outputs}이(가) 틀립니다. 거기서 미분은 관례의 문제이지만, 함숫값은 아닙니다.",
        "감점은 없지만, 같은 값이 여럿이거나 입력이 정확히 0이면 무엇이 나오는지 보세요.",
    ),
    "NO_KINK": _both(
        "At a kink or a tie there is no number for {outputs}: an error, or NaN or infinity.",
        "Nothing is taken off, but an input is exactly 0 more often than one thinks, behind a ReLU above all.",
        "꺾인 점이나 동점에서 {outputs}이(가) 수가 아닙니다(오류, NaN 또는 무한대).",
        "감점은 없지만 입력이 정확히 0인 경우는 생각보다 흔합니다. 특히 ReLU 뒤에서 그렇습니다.",
    ),
    "OVERFLOW": _both(
        "For inputs as large as ±1000 {outputs} is not a number, or infinite.",
        "Nothing is taken off, but a training may end there. Use a stable form: take the largest out before e to the "
        "power, and let a logarithm meet its exponential before either is computed.",
        "입력이 ±1000만큼 크면 {outputs}이(가) 유한하지 않습니다(NaN, inf).",
        "감점은 없지만 학습이 거기서 멈출 수 있습니다. 안정적인 꼴을 쓰세요. 지수를 취하기 전에 가장 큰 값을 빼고, "
        "로그와 지수는 계산하기 전에 식에서 먼저 약분하세요.",
    ),
    "STRESS": _both(
        "For inputs as large as ±1000 {outputs} is no longer right, though it is finite.",
        "Nothing is taken off. A clip, or a small number inside a logarithm, flattens the loss just where it should "
        "push hardest; a form that is stable by itself needs neither.",
        "입력이 ±1000만큼 크면 {outputs}이(가) 유한하지만 맞지 않습니다.",
        "감점은 없습니다. clip이나 로그 안의 작은 수는 가장 세게 밀어야 할 곳에서 손실을 평평하게 만듭니다. "
        "그 자체로 안정적인 꼴에는 필요 없습니다.",
    ),
    "NEARLY": _both(
        "{arrays} is right to some digits, not to the last: single precision on the way, or a small number added.",
        "A float32, or an epsilon under a root or inside a logarithm? Nothing is taken off for that.",
        "{arrays}은(는) 몇 자리까지만 맞습니다. 도중에 단정밀도이거나, 어딘가에 작은 수를 더한 것 같습니다.",
        "float32, 또는 근호나 로그 안의 epsilon인가요? 감점은 없습니다.",
    ),
}

# ----------------------------------------------------------------------------------------- the Jacobian, from anywhere
MESSAGES |= {
    "ASSIGNED": {
        "en": Message(
            "Each number of {arrays} keeps only the {kept} of the contributions that should be added up in it: "
            "{missing} of {links} are lost.",
            "Usually a plain = in a loop, or an index that occurs twice: += , and np.add.at for repeated indices.",
        ),
        "ko": Message(
            "{arrays}의 각 수에는 더해져야 할 기여 중 하나({kept})만 남아 있습니다. {links}개 중 {missing}개가 "
            "사라졌습니다.",
            "대개 반복문 안의 = 나 두 번 나오는 인덱스 때문입니다. += 를, 반복되는 인덱스에는 np.add.at을 쓰세요.",
        ),
    },
    "LINKS": {
        "en": Message(
            "Of {links} links to {arrays}, {missing} are missing, {spurious} should not be there, and {other} have "
            "another weight; {exact} are exactly right. {place}",
            "Try it with an input that is zero but for a single one (of a backward: dout), and follow where it goes.",
        ),
        "ko": Message(
            "{arrays}(으)로 이어지는 연결 {links}개 중 {missing}개가 빠졌고, {spurious}개는 없어야 하며, {other}개는 "
            "크기가 다릅니다. {exact}개는 정확합니다. {place}",
            "하나만 1이고 나머지는 0인 입력(역전파라면 dout)을 넣어, 그 1이 어디로 가는지 따라가 보세요.",
        ),
    },
    "CONSTANT": {
        "en": Message(
            "{arrays} is {value} everywhere.",
            "What does it depend on?",
        ),
        "ko": Message(
            "{arrays}이(가) 어디서나 {value}입니다.",
            "무엇에 따라 달라져야 합니까?",
        ),
    },
    "BLOCKS": {
        "en": Message(
            "{arrays} has the right numbers, but its {parts} blocks along {axis} are in another order: {order}.",
            "Look where the blocks are cut, and where they are put together.",
        ),
        "ko": Message(
            "{arrays}의 수는 맞지만 {axis}의 블록 {parts}개가 다른 순서({order})로 놓였습니다.",
            "블록을 나눈 곳과 합친 곳을 보세요.",
        ),
    },
    "CROPPED": {
        "en": Message(
            "{arrays} is right but lacks a border: its shape is {got}, expected {expected}.",
            "Was the padding forgotten, or cut off once too often?",
        ),
        "ko": Message(
            "{arrays}의 값은 맞지만 테두리가 없습니다. 모양이 {got}인데 {expected}이어야 합니다.",
            "패딩을 빠뜨렸거나 한 번 더 잘라 냈는지 보세요.",
        ),
    },
    "NOT_CROPPED": {
        "en": Message(
            "{arrays} holds the right numbers, but within a border: its shape is {got}, expected {expected}.",
            "It is still padded: the gradient of the padding belongs to nobody.",
        ),
        "ko": Message(
            "{arrays} 안에 맞는 값이 있지만 테두리가 남아 있습니다. 모양이 {got}인데 {expected}이어야 합니다.",
            "아직 패딩이 붙어 있습니다. 패딩의 기울기는 버립니다.",
        ),
    },
}

# -------------------------------------------------------------------------------------------------------------- layers
MESSAGES |= {
    "RELU_MASK_MISSING": {
        "en": Message(
            "{arrays} goes through everywhere, as if all inputs were positive.",
            "What does a negative input do to the output, and so to the gradient?",
        ),
        "ko": Message(
            "{arrays}이(가) 모든 곳을 그대로 지나갑니다. 모든 입력이 양수인 것처럼요.",
            "음수 입력은 출력에, 따라서 기울기에 어떤 영향을 줍니까?",
        ),
    },
    "RELU_MASK_INVERTED": {
        "en": Message(
            "{arrays} passes where x is negative, and is blocked where it is positive.",
            "Turn the comparison round.",
        ),
        "ko": Message(
            "{arrays}이(가) x가 음수인 곳에서 지나가고 양수인 곳에서 막힙니다.",
            "부등호의 방향을 보세요.",
        ),
    },
    "RELU_MASK_OF_DOUT": {
        "en": Message(
            "{arrays} is cut where dout is negative. Which numbers pass is decided by x, not by dout.",
            "Compare the input with 0, not the gradient.",
        ),
        "ko": Message(
            "dout이 음수인 곳에서 {arrays}을(를) 잘랐습니다. 무엇이 지나가는지는 dout이 아니라 x가 정합니다.",
            "기울기가 아니라 입력을 0과 비교하세요.",
        ),
    },
    "RELU_ABSOLUTE": {
        "en": Message(
            "{arrays} belongs to |x|: negative inputs are turned round, not cut off.",
            "Below 0 this function is flat.",
        ),
        "ko": Message(
            "{arrays}은(는) |x|의 것입니다. 음수 입력이 잘리지 않고 뒤집혔습니다.",
            "0 아래에서 이 함수는 평평합니다.",
        ),
    },
    "RELU_LEAKY": {
        "en": Message(
            "{arrays} belongs to a leaky ReLU: below 0 it has a slope.",
            "Asked is the plain one.",
        ),
        "ko": Message(
            "{arrays}은(는) leaky ReLU의 것입니다. 0 아래에서 기울기가 있습니다.",
            "문제는 보통의 ReLU입니다.",
        ),
    },
    "SLOPE_OF_INPUT": {
        "en": Message(
            "In {arrays} the slope is written with the input x, where the output belongs.",
            "The short formula of the slope holds for y, the number after the function.",
        ),
        "ko": Message(
            "{arrays}에서 기울기를 출력이 아니라 입력 x로 썼습니다.",
            "짧은 공식은 함수를 지난 뒤의 y에 대한 것입니다.",
        ),
    },
    "SLOPE_OF_DOUT": {
        "en": Message(
            "In {arrays} dout is multiplied by something of itself.",
            "A gradient is linear in dout: it appears once, as a factor.",
        ),
        "ko": Message(
            "{arrays}에서 dout에 dout 자신을 다시 곱했습니다.",
            "기울기는 dout에 대해 선형입니다. 한 번만 곱합니다.",
        ),
    },
    "SLOPE_OF_TANH": {
        "en": Message(
            "{arrays} has the slope of tanh, with a sigmoid's output in it.",
            "Two similar formulas: which is whose?",
        ),
        "ko": Message(
            "{arrays}에 tanh의 기울기 공식을 썼습니다 (시그모이드의 출력으로).",
            "비슷한 두 공식입니다. 어느 것이 누구 것입니까?",
        ),
    },
    "SLOPE_OF_SIGMOID": {
        "en": Message(
            "{arrays} has the slope of the sigmoid, with the output of tanh in it.",
            "Two similar formulas: which is whose?",
        ),
        "ko": Message(
            "{arrays}에 시그모이드의 기울기 공식을 썼습니다 (tanh의 출력으로).",
            "비슷한 두 공식입니다. 어느 것이 누구 것입니까?",
        ),
    },
    "SLOPE_SQUARED_WRONG": {
        "en": Message(
            "In {arrays} the difference is squared, not what is subtracted.",
            "Where does the bracket close?",
        ),
        "ko": Message(
            "{arrays}에서 빼는 수가 아니라 차 전체를 제곱했습니다.",
            "괄호가 어디에서 닫힙니까?",
        ),
    },
    "SIGMOID_IS_TANH": {
        "en": Message(
            "{arrays} belongs to tanh, not to the sigmoid.",
            "The sigmoid lies between 0 and 1.",
        ),
        "ko": Message(
            "{arrays}은(는) 시그모이드가 아니라 tanh의 것입니다.",
            "시그모이드의 값은 0과 1 사이입니다.",
        ),
    },
    "TANH_IS_SIGMOID": {
        "en": Message(
            "{arrays} belongs to the sigmoid, not to tanh.",
            "tanh lies between −1 and 1.",
        ),
        "ko": Message(
            "{arrays}은(는) tanh가 아니라 시그모이드의 것입니다.",
            "tanh의 값은 −1과 1 사이입니다.",
        ),
    },
    "DROPOUT_TEST": {
        "en": Message(
            "{arrays} knows nothing of the mask: that is what dropout does when testing.",
            "In training numbers are dropped; the mask says which.",
        ),
        "ko": Message(
            "{arrays}에 마스크가 쓰이지 않았습니다. 그것은 테스트 때의 드롭아웃입니다.",
            "훈련 때는 일부를 버립니다. 마스크가 그 자리를 말해 줍니다.",
        ),
    },
    "DROPOUT_INVERTED": {
        "en": Message(
            "{arrays} keeps what the mask drops, and drops what it keeps.",
            "1 means: kept.",
        ),
        "ko": Message(
            "{arrays}에서 버릴 것이 남고 남길 것이 버려졌습니다.",
            "마스크의 1은 남긴다는 뜻입니다.",
        ),
    },
    "DROPOUT_COUNTED": _both(
        "{arrays} was divided by the share of numbers that this mask happens to keep.",
        "Asked for is the probability to be kept, the same for every mask: then the expectation is right.",
        "{arrays}을(를) 이 마스크에서 우연히 남은 비율로 나누었습니다.",
        "마스크마다 다른 비율이 아니라, 남을 확률로 나누어야 기댓값이 맞습니다.",
    ),
    "DROPOUT_ONE_FACTOR": {
        "en": Message(
            "{arrays} is scaled, but nothing is dropped.",
            "A number that was dropped has no effect: nor a gradient.",
        ),
        "ko": Message(
            "{arrays}의 크기는 조정했지만 버려진 것이 없습니다.",
            "버려진 수는 영향이 없으니 기울기도 없습니다.",
        ),
    },
    "EMBEDDING_MEAN": {
        "en": Message(
            "In {arrays} a row that was read several times gets the mean of what came back.",
            "Each reading is a path of its own. What does one do with the gradients of several paths?",
        ),
        "ko": Message(
            "{arrays}에서 여러 번 읽힌 행이 돌아온 값의 평균을 받았습니다.",
            "읽을 때마다 길이 하나입니다. 여러 길의 기울기는 어떻게 합칩니까?",
        ),
    },
    "EMBEDDING_OFTEN": _both(
        "In {arrays} a row that was read r times gets the sum of what came back r times over.",
        "A sum over all readings of a row belongs into a loop over the different ids, not over all of them.",
        "{arrays}에서 r번 읽힌 행이, 돌아온 값의 합을 r번 받았습니다.",
        "한 행의 모든 읽기를 더하려면, 모든 id가 아니라 서로 다른 id에 대해 반복하세요.",
    ),
    "EMBEDDING_TIMES_WEIGHT": {
        "en": Message(
            "In {arrays} what came back is multiplied by the row itself.",
            "Reading a row is no product.",
        ),
        "ko": Message(
            "{arrays}에서 돌아온 값에 그 행 자신을 곱했습니다.",
            "행을 읽는 것은 곱셈이 아닙니다.",
        ),
    },
    "NORM_UNBIASED": {
        "en": Message(
            "{arrays} uses the variance that is divided by one less than the number (ddof = 1).",
            "The contract says which variance is meant.",
        ),
        "ko": Message(
            "{arrays}에 (개수 − 1)로 나눈 분산(ddof = 1)이 쓰였습니다.",
            "어떤 분산인지 문제의 약속을 보세요.",
        ),
    },
    "NORM_AXIS": {
        "en": Message(
            "In {arrays} mean and variance run along the other axis.",
            "Batch norm: one mean for each column, over the batch. Layer norm: one for each row.",
        ),
        "ko": Message(
            "{arrays}에서 평균과 분산을 다른 축으로 구했습니다.",
            "배치 정규화는 열마다(배치에 걸쳐), 층 정규화는 행마다 평균이 하나입니다.",
        ),
    },
    "NORM_OF_ALL": {
        "en": Message(
            "In {arrays} there is one mean and one variance for all numbers together.",
            "An axis is missing.",
        ),
        "ko": Message(
            "{arrays}에서 모든 수에 평균 하나, 분산 하나만 썼습니다.",
            "축(axis)이 빠졌습니다.",
        ),
    },
    "NORM_NOT_CENTRED": {
        "en": Message(
            "In {arrays} the mean is not subtracted.",
            "First to the middle, then to the right size.",
        ),
        "ko": Message(
            "{arrays}에서 평균을 빼지 않았습니다.",
            "먼저 가운데로 옮기고, 그다음 크기를 맞춥니다.",
        ),
    },
    "NORM_ROOT_MEAN_SQUARE": _both(
        "{arrays} belongs to x divided by the root of its mean square: no mean is taken off (RMSNorm).",
        "First x − μ; the variance is the mean square of that.",
        "{arrays}은(는) 평균을 빼지 않고 제곱평균제곱근으로 나눈 것(RMSNorm)에 해당합니다.",
        "먼저 x − μ를 구하세요. 분산은 그 제곱의 평균입니다.",
    ),
    "NORM_NOT_SCALED": {
        "en": Message(
            "In {arrays} the mean is subtracted, but nothing is divided by the standard deviation.",
            "Half of the normalisation is missing.",
        ),
        "ko": Message(
            "{arrays}에서 평균은 뺐지만 표준편차로 나누지 않았습니다.",
            "정규화의 절반이 빠졌습니다.",
        ),
    },
    "NORM_DGAMMA_OF_X": {
        "en": Message(
            "{arrays} is made with x itself. gamma is multiplied by something else.",
            "By which number is gamma multiplied in the forward?",
        ),
        "ko": Message(
            "{arrays}을(를) x로 구했습니다. gamma에 곱해지는 것은 x가 아닙니다.",
            "순전파에서 gamma에 무엇이 곱해집니까?",
        ),
    },
    "NORM_DGAMMA_TIMES_GAMMA": {
        "en": Message(
            "{arrays} has a factor gamma, which does not belong there.",
            "gamma and beta take dout as it comes, and x̂ is what stands before gamma; dout · gamma goes further down.",
        ),
        "ko": Message(
            "{arrays}에 gamma가 곱해져 있습니다. 여기에는 들어가지 않습니다.",
            "gamma와 beta에는 dout을 그대로 쓰고, x̂은 gamma를 곱하기 전의 값입니다. dout · gamma는 그 아래로 "
            "내려보냅니다.",
        ),
    },
    "NORM_GAMMA_LAST": {
        "en": Message(
            "In {arrays} gamma is multiplied at the end. Where mean and variance run over the features, it stands "
            "within the sums.",
            "Multiply dout by gamma first, then go through the normalisation.",
        ),
        "ko": Message(
            "{arrays}에서 gamma를 마지막에 곱했습니다. 평균과 분산이 특징에 걸치면 gamma는 합 안에 있어야 합니다.",
            "먼저 dout에 gamma를 곱하고, 그다음 정규화를 거슬러 가세요.",
        ),
    },
}

# --------------------------------------------------------------------------------------------------------- convolution
MESSAGES |= {
    "CONV_EDGE_REPEATED": {
        "en": Message(
            "In {arrays} the image's edge is repeated outside of it.",
            "Outside of the image there are zeros.",
        ),
        "ko": Message(
            "{arrays}에서 이미지 바깥을 가장자리 값으로 채웠습니다.",
            "이미지 바깥은 0입니다.",
        ),
    },
    "CONV_NOT_PADDED": {
        "en": Message(
            "{arrays} is made with x before it was padded: every window is displaced.",
            "Use what the kernel has seen in the forward.",
        ),
        "ko": Message(
            "{arrays}을(를) 패딩하기 전의 x로 구했습니다. 모든 창이 밀려 있습니다.",
            "순전파에서 커널이 본 것을 쓰세요.",
        ),
    },
    "TRANSPOSE_REPEATED": _both(
        "For {arrays} each pixel was repeated, 2 × 2, before the kernel went over them.",
        "Between two pixels of a transposed convolution of stride 2 there are zeros, not copies.",
        "{arrays}을(를) 구할 때 픽셀을 2 × 2로 복제한 뒤 커널을 적용했습니다.",
        "stride가 2인 전치 합성곱에서 두 픽셀 사이에는 복제한 값이 아니라 0이 있습니다.",
    ),
    "TRANSPOSE_STRIDE": {
        "en": Message(
            "In {arrays} neighbouring pixels lie side by side: the stride is 1.",
            "The stride says how far apart the kernels of two neighbours are laid.",
        ),
        "ko": Message(
            "{arrays}에서 이웃 픽셀이 바로 옆에 놓였습니다. 스트라이드가 1입니다.",
            "스트라이드는 이웃한 두 커널을 놓는 간격입니다.",
        ),
    },
    "POOL_COPIED": {
        "en": Message(
            "In {arrays} all numbers of a window get the gradient.",
            "Who moved the output? The others have no effect.",
        ),
        "ko": Message(
            "{arrays}에서 창의 모든 수가 기울기를 받았습니다.",
            "출력을 움직인 것은 누구입니까? 나머지는 영향이 없습니다.",
        ),
    },
    "POOL_AVERAGED": {
        "en": Message(
            "{arrays} belongs to the mean of each window.",
            "Asked is its largest number.",
        ),
        "ko": Message(
            "{arrays}은(는) 창의 평균에 대한 것입니다.",
            "문제는 창의 최댓값입니다.",
        ),
    },
    "POOL_SUMMED": {
        "en": Message(
            "{arrays} belongs to the sum of each window.",
            "Asked is its largest number.",
        ),
        "ko": Message(
            "{arrays}은(는) 창의 합에 대한 것입니다.",
            "문제는 창의 최댓값입니다.",
        ),
    },
    "POOL_SMALLEST": {
        "en": Message(
            "{arrays} belongs to the smallest number of each window.",
            "Minimum or maximum?",
        ),
        "ko": Message(
            "{arrays}은(는) 창의 최솟값에 대한 것입니다.",
            "최소입니까, 최대입니까?",
        ),
    },
    "POOL_LARGEST": {
        "en": Message(
            "{arrays} belongs to the largest number of each window.",
            "Asked is the mean.",
        ),
        "ko": Message(
            "{arrays}은(는) 창의 최댓값에 대한 것입니다.",
            "문제는 평균입니다.",
        ),
    },
    "POOL_OF_SIZE": {
        "en": Message(
            "{arrays} takes the number that is furthest from 0, be it negative.",
            "No absolute values here.",
        ),
        "ko": Message(
            "{arrays}이(가) 음수라도 0에서 가장 먼 수를 골랐습니다.",
            "여기에는 절댓값이 없습니다.",
        ),
    },
    "POOL_CORNER": {
        "en": Message(
            "{arrays} knows only the upper left number of each window.",
            "All four have a say.",
        ),
        "ko": Message(
            "{arrays}이(가) 창마다 왼쪽 위의 수 하나만 봅니다.",
            "네 수가 모두 참여합니다.",
        ),
    },
    "POOL_ROW_COLUMN": {
        "en": Message(
            "In {arrays} row and column within the window are exchanged.",
            "An argmax over four numbers: which of them is the second?",
        ),
        "ko": Message(
            "{arrays}에서 창 안의 행과 열이 바뀌었습니다.",
            "네 수에 대한 argmax에서 두 번째는 어느 자리입니까?",
        ),
    },
    "POOL_TILED": {
        "en": Message(
            "In {arrays} the whole of dout is laid out four times, instead of each of its numbers.",
            "np.tile repeats an array, np.repeat its numbers.",
        ),
        "ko": Message(
            "{arrays}에서 dout의 각 수가 아니라 dout 전체가 네 번 깔렸습니다.",
            "np.tile은 배열을, np.repeat은 수를 반복합니다.",
        ),
    },
    "MASK_KINDS_SWAPPED": {
        "en": Message(
            "{arrays} has type B where A was asked, and A where B was.",
            "The first layer must not see the pixel itself.",
        ),
        "ko": Message(
            "{arrays}에서 A형과 B형 마스크가 서로 바뀌었습니다.",
            "첫 층은 그 픽셀 자신을 보면 안 됩니다.",
        ),
    },
    "MASK_ALWAYS_A": {
        "en": Message(
            "{arrays} has type A whatever was asked: the centre is never seen.",
            "Look at `kind`.",
        ),
        "ko": Message(
            "{arrays}이(가) 항상 A형입니다. 가운데를 보지 않습니다.",
            "`kind`를 보세요.",
        ),
    },
    "MASK_ALWAYS_B": {
        "en": Message(
            "{arrays} has type B whatever was asked: the centre is always seen, in the first layer too.",
            "Look at `kind`.",
        ),
        "ko": Message(
            "{arrays}이(가) 항상 B형입니다. 첫 층에서도 가운데를 봅니다.",
            "`kind`를 보세요.",
        ),
    },
    "MASK_NONE": {
        "en": Message(
            "{arrays} is without a mask: it sees the pixels that come later.",
            "The mask belongs to the weights in the forward, in dx, and to dweight.",
        ),
        "ko": Message(
            "{arrays}에 마스크가 없습니다. 나중에 올 픽셀을 봅니다.",
            "마스크는 순전파의 가중치와 dx, 그리고 dweight에 모두 필요합니다.",
        ),
    },
    "MASK_FUTURE": {
        "en": Message(
            "{arrays} sees the pixels that come later, and not those before.",
            "Rows above, and what is to the left.",
        ),
        "ko": Message(
            "{arrays}이(가) 앞의 픽셀이 아니라 나중의 픽셀을 봅니다.",
            "위의 행들과 왼쪽을 봅니다.",
        ),
    },
    "MASK_INVERTED": {
        "en": Message(
            "{arrays} has zeros and ones exchanged.",
            "1 means: seen.",
        ),
        "ko": Message(
            "{arrays}에서 0과 1이 바뀌었습니다.",
            "1은 본다는 뜻입니다.",
        ),
    },
    "MASK_TRANSPOSED": {
        "en": Message(
            "{arrays} goes through the image column by column.",
            "The first axis of a kernel are its rows.",
        ),
        "ko": Message(
            "{arrays}이(가) 이미지를 열 순서로 지나갑니다.",
            "커널의 첫 축은 행입니다.",
        ),
    },
    "MASK_ROW_DROPPED": {
        "en": Message(
            "In {arrays} nothing is seen of the centre's own row.",
            "What is to the left has been drawn already.",
        ),
        "ko": Message(
            "{arrays}에서 가운데 행을 전혀 보지 않습니다.",
            "왼쪽은 이미 그려져 있습니다.",
        ),
    },
    "MASK_UPPER_RIGHT_LOST": {
        "en": Message(
            "In {arrays} the upper right is not seen: only what is above *and* to the left.",
            "Rows above are complete already.",
        ),
        "ko": Message(
            "{arrays}에서 오른쪽 위가 보이지 않습니다. 위이면서 왼쪽인 것만 봅니다.",
            "위의 행들은 이미 완성되어 있습니다.",
        ),
    },
    "MASK_ROW_KEPT": {
        "en": Message(
            "In {arrays} the right side of the centre's own row is seen.",
            "It is drawn later.",
        ),
        "ko": Message(
            "{arrays}에서 가운데 행의 오른쪽이 보입니다.",
            "그곳은 나중에 그려집니다.",
        ),
    },
    "MASK_BELOW_KEPT": {
        "en": Message(
            "In {arrays} the rows below the centre are seen.",
            "They are drawn later.",
        ),
        "ko": Message(
            "{arrays}에서 가운데 아래의 행들이 보입니다.",
            "그곳은 나중에 그려집니다.",
        ),
    },
    "MASK_CENTRE_ALONE": {
        "en": Message(
            "In {arrays} at most the centre is hidden; the pixels that come later are seen.",
            "What may a pixel depend on, if all are drawn one after the other?",
        ),
        "ko": Message(
            "{arrays}에서 가운데만 가려졌고 나중에 올 픽셀이 보입니다.",
            "차례로 그린다면 한 픽셀은 무엇에 의존해도 됩니까?",
        ),
    },
    "MASKED_NOT_TURNED": {
        "en": Message(
            "In {arrays} the kernel stands as in the forward.",
            "Follow one input pixel: which outputs does it reach, and through which weights?",
        ),
        "ko": Message(
            "{arrays}에서 커널이 순전파 때의 방향 그대로입니다.",
            "입력 픽셀 하나를 따라가 보세요. 어떤 가중치를 거쳐 어떤 출력에 닿습니까?",
        ),
    },
    "MADE_STRICT": {
        "en": Message(
            "{arrays} is too strict by one: a unit does not see the last pixel that it may know.",
            "From which number are pixels counted, and may two degrees be equal?",
        ),
        "ko": Message(
            "{arrays}이(가) 하나만큼 너무 엄격합니다. 알아도 되는 마지막 픽셀을 보지 않습니다.",
            "픽셀을 몇부터 세고, 차수가 같아도 됩니까?",
        ),
    },
    "MADE_SEES_ITSELF": {
        "en": Message(
            "{arrays} is too generous by one: it has links that should not be there.",
            "From which number are pixels counted, and which may an output know?",
        ),
        "ko": Message(
            "{arrays}이(가) 하나만큼 너무 너그럽습니다. 없어야 할 연결이 있습니다.",
            "픽셀을 몇부터 세고, 출력은 무엇까지 알 수 있습니까?",
        ),
    },
    "MADE_REVERSED": {
        "en": Message(
            "In {arrays} the comparison is turned round: later pixels are seen.",
            "Who may know more?",
        ),
        "ko": Message(
            "{arrays}에서 부등호가 뒤집혔습니다. 나중 픽셀을 봅니다.",
            "누가 더 많이 알 수 있습니까?",
        ),
    },
    "MADE_EQUAL": {
        "en": Message(
            "{arrays} connects equal degrees only.",
            "A degree says how many may be known at most.",
        ),
        "ko": Message(
            "{arrays}이(가) 차수가 같은 것만 연결합니다.",
            "차수는 최대 몇 개까지 알 수 있는지를 말합니다.",
        ),
    },
    "LSTM_ORDER": {
        "en": Message(
            "In {arrays} the four blocks are read in another order.",
            "The contract says which block is which gate.",
        ),
        "ko": Message(
            "{arrays}에서 네 블록을 다른 순서로 읽었습니다.",
            "어느 블록이 어느 게이트인지 문제의 약속을 보세요.",
        ),
    },
    "LSTM_SHOWN": {
        "en": Message(
            "In {arrays} the output gate shows the cell state as it is.",
            "What does it go through before it is shown?",
        ),
        "ko": Message(
            "{arrays}에서 출력 게이트가 셀 상태를 그대로 내보냅니다.",
            "내보내기 전에 무엇을 지나갑니까?",
        ),
    },
    "LSTM_CANDIDATE": {
        "en": Message(
            "In {arrays} the candidate g goes through a sigmoid.",
            "It may be negative: it is no gate.",
        ),
        "ko": Message(
            "{arrays}에서 후보 g가 시그모이드를 지났습니다.",
            "g는 음수일 수 있습니다. 게이트가 아닙니다.",
        ),
    },
    "LSTM_G_SIGMOID": {
        "en": Message(
            "In {arrays} the candidate g has the slope of a sigmoid.",
            "Which function made g?",
        ),
        "ko": Message(
            "{arrays}에서 후보 g에 시그모이드의 기울기를 썼습니다.",
            "g를 만든 함수는 무엇입니까?",
        ),
    },
    "LSTM_SIGN": {
        "en": Message(
            "In {arrays} what is written into the cell is subtracted.",
            "The memory is added to.",
        ),
        "ko": Message(
            "{arrays}에서 셀에 쓰는 것을 뺐습니다.",
            "기억에는 더합니다.",
        ),
    },
    "LSTM_TIED": {
        "en": Message(
            "In {arrays} what is kept is one less the input gate, as in a GRU.",
            "An LSTM has a gate for that.",
        ),
        "ko": Message(
            "{arrays}에서 GRU처럼 (1 − 입력 게이트)만큼 남겼습니다.",
            "LSTM에는 그것을 위한 게이트가 있습니다.",
        ),
    },
    "LSTM_TIED_F": {
        "en": Message(
            "In {arrays} what is written is one less the forget gate, as in a GRU.",
            "An LSTM has a gate for that.",
        ),
        "ko": Message(
            "{arrays}에서 GRU처럼 (1 − 망각 게이트)만큼 썼습니다.",
            "LSTM에는 그것을 위한 게이트가 있습니다.",
        ),
    },
    "LSTM_NO_I": {
        "en": Message(
            "In {arrays} the input gate is missing.",
            "How much of the candidate is written?",
        ),
        "ko": Message(
            "{arrays}에 입력 게이트가 빠졌습니다.",
            "후보를 얼마나 씁니까?",
        ),
    },
    "LSTM_NO_F": {
        "en": Message(
            "In {arrays} the forget gate is missing.",
            "How much of the old cell state stays?",
        ),
        "ko": Message(
            "{arrays}에 망각 게이트가 빠졌습니다.",
            "이전 셀 상태가 얼마나 남습니까?",
        ),
    },
    "LSTM_I_F": {
        "en": Message(
            "In {arrays} input and forget gate are exchanged.",
            "Which of them belongs to the old state?",
        ),
        "ko": Message(
            "{arrays}에서 입력 게이트와 망각 게이트가 바뀌었습니다.",
            "이전 상태에 곱해지는 것은 어느 쪽입니까?",
        ),
    },
    "LSTM_NO_H_TO_C": {
        "en": Message(
            "{arrays} knows of dc alone: the cell state is also read by h.",
            "Two readers, two gradients to add.",
        ),
        "ko": Message(
            "{arrays}이(가) dc만 압니다. 셀 상태는 h도 읽습니다.",
            "읽는 곳이 둘이면 더할 기울기도 둘입니다.",
        ),
    },
    "LSTM_H_TO_C_NO_GATE": {
        "en": Message(
            "In {arrays} dh reaches the cell state without the output gate.",
            "What is multiplied there in the forward?",
        ),
        "ko": Message(
            "{arrays}에서 dh가 출력 게이트 없이 셀 상태에 닿습니다.",
            "순전파에서 거기에 무엇을 곱합니까?",
        ),
    },
    "LSTM_H_TO_C_NO_TANH": {
        "en": Message(
            "In {arrays} dh reaches the cell state without the slope of tanh.",
            "h reads the cell through a function.",
        ),
        "ko": Message(
            "{arrays}에서 dh가 tanh의 기울기 없이 셀 상태에 닿습니다.",
            "h는 함수를 거쳐 셀을 읽습니다.",
        ),
    },
    "LSTM_TANH_TWICE": {
        "en": Message(
            "In {arrays} the slope of tanh is taken at tanh c, not at c.",
            "Is it the cell state or its tanh that you kept?",
        ),
        "ko": Message(
            "{arrays}에서 tanh의 기울기를 c가 아니라 tanh c에서 구했습니다.",
            "보관한 것이 셀 상태입니까, 그 tanh입니까?",
        ),
    },
    "LSTM_NEW_H": _both(
        "{arrays} was made with the new hidden state.",
        "The recurrent weights were multiplied by the state that came in, not by the one that goes out.",
        "{arrays}을(를) 새 은닉 상태로 계산했습니다.",
        "순환 가중치에 곱해진 것은 나가는 상태가 아니라 들어온 상태입니다.",
    ),
    "LSTM_NEW_C": {
        "en": Message(
            "In {arrays} the forget gate gets the new cell state.",
            "Which state was it multiplied by?",
        ),
        "ko": Message(
            "{arrays}에서 망각 게이트에 새 셀 상태를 썼습니다.",
            "그것이 곱해진 상태는 어느 것입니까?",
        ),
    },
    "LSTM_SLOPE": {
        "en": Message(
            "In {arrays} a gate's own slope is missing: what comes back stops after the gate, not before.",
            "The weights lie before the sigmoid, or tanh.",
        ),
        "ko": Message(
            "{arrays}에 게이트 자신의 기울기가 빠졌습니다. 게이트 앞이 아니라 뒤에서 멈췄습니다.",
            "가중치는 시그모이드나 tanh 앞에 있습니다.",
        ),
    },
}

# --------------------------------------------------------------------------------------------------------------- losses
MESSAGES |= {
    "MSE_ABSOLUTE": _both(
        "{arrays} belongs to the absolute difference, not to its square.",
        "The square's slope grows with the difference.",
        "{arrays}은(는) 차의 제곱이 아니라 차의 절댓값에서 나온 것입니다.",
        "제곱의 기울기는 차이에 비례해서 커집니다.",
    ),
    "MSE_ROOT": _both(
        "{arrays} belongs to the root of the mean square.",
        "Leave the root out: asked for is the mean square itself.",
        "{arrays}은(는) 평균 제곱의 제곱근에서 나온 것입니다.",
        "제곱근 없이, 평균 제곱 그 자체를 구하세요.",
    ),
    "MSE_NOT_SQUARED": _both(
        "{arrays} belongs to the mean of the differences, which are not squared.",
        "Differences of both signs cancel in a mean; square them first.",
        "{arrays}은(는) 제곱하지 않은 차의 평균에서 나온 것입니다.",
        "그대로 평균하면 부호가 다른 차이가 서로 지워집니다. 먼저 제곱하세요.",
    ),
    "SOFTMAX_AXIS": _both(
        "{arrays}: the softmax was taken over the batch; its columns add up to 1, not its rows.",
        "Every row is a distribution over the classes: sum along axis 1, with keepdims=True.",
        "{arrays}: 소프트맥스를 배치 방향으로 취했습니다. 행이 아니라 열의 합이 1입니다.",
        "행마다 클래스의 분포가 하나입니다. keepdims=True로 1번 축을 따라 더하세요.",
    ),
    "SOFTMAX_OVER_ALL": _both(
        "{arrays}: the exponentials were divided by the sum of the whole array.",
        "Every row is a distribution of its own.",
        "{arrays}: 지수들을 배열 전체의 합으로 나누었습니다.",
        "행마다 따로 하나의 분포입니다.",
    ),
    "SOFTMAX_IS_SIGMOID": _both(
        "{arrays}: that is the sigmoid of each logit; a row does not add up to 1.",
        "The classes share one probability: divide by the sum of the row.",
        "{arrays}: 로짓마다 시그모이드를 취했습니다. 행의 합이 1이 아닙니다.",
        "클래스들이 확률 1을 나누어 가집니다. 행의 합으로 나누세요.",
    ),
    "SOFTMAX_LOG": _both(
        "{arrays} is that of the logarithm of the softmax.",
        "Here the probabilities themselves are asked for.",
        "{arrays}은(는) 소프트맥스의 로그에 대한 것입니다.",
        "여기서는 확률 그 자체를 구합니다.",
    ),
    "SOFTMAX_TWICE": _both(
        "{arrays}: a softmax of a softmax.",
        "Take it once, of the logits.",
        "{arrays}: 소프트맥스를 두 번 취했습니다.",
        "로짓에 한 번만 취하세요.",
    ),
    "SOFTMAX_DIAGONAL": _both(
        "{arrays} has only the diagonal of the Jacobian: how each probability moves with its own logit.",
        "A logit also moves the probabilities of all other classes, through the sum below the line.",
        "{arrays}에 야코비 행렬의 대각 성분만 들어 있습니다. 각 확률이 자기 로짓에만 반응합니다.",
        "로짓 하나는 분모의 합을 통해 다른 모든 클래스의 확률도 움직입니다.",
    ),
    "SOFTMAX_SUM_OVER_BATCH": _both(
        "{arrays}: the inner sum runs over the batch.",
        "Rows do not see each other: the sum runs over the classes of a row, with keepdims=True.",
        "{arrays}: 안쪽 합이 배치를 따라 더해졌습니다.",
        "행끼리는 서로 관계가 없습니다. keepdims=True로 한 행의 클래스를 따라 더하세요.",
    ),
    "SOFTMAX_SUM_OF_DOUT": _both(
        "{arrays}: the inner sum adds up dout without the probabilities.",
        "It is a mean of dout, weighted with the probabilities.",
        "{arrays}: 안쪽 합에서 확률을 곱하지 않고 dout만 더했습니다.",
        "확률로 가중한 dout의 평균이어야 합니다.",
    ),
    "SOFTMAX_CACHED_INPUT": _both(
        "{arrays} has the right form, with the logits in the place of the probabilities.",
        "Keep the output of the forward, or compute it again.",
        "{arrays}의 식은 맞지만 확률 자리에 로짓을 넣었습니다.",
        "forward의 출력을 저장해 두거나 다시 계산하세요.",
    ),
    "SOFTMAX_BY_MAX": _both(
        "{arrays}: the exponentials were divided by the largest of them, so that a row does not add up to 1.",
        "Taking the largest out is for safety only; dividing by the sum makes it a distribution.",
        "{arrays}: 지수를 그중 가장 큰 것으로 나누어서 행의 합이 1이 아닙니다.",
        "최댓값을 빼는 것은 안전을 위한 것일 뿐이고, 합으로 나누어야 분포가 됩니다.",
    ),
    "CROSS_ENTROPY_AXIS": _both(
        "{arrays}: the softmax was taken over the batch, not over the classes.",
        "Sum the exponentials along axis 1, with keepdims=True.",
        "{arrays}: 소프트맥스를 클래스가 아니라 배치 방향으로 취했습니다.",
        "keepdims=True로 1번 축을 따라 지수를 더하세요.",
    ),
    "CROSS_ENTROPY_NO_LOG": _both(
        "{arrays}: the probability of the label itself, without its logarithm.",
        "A likelihood of several images is a product; its logarithm is a sum.",
        "{arrays}: 로그 없이 정답 클래스의 확률 그 자체입니다.",
        "여러 이미지의 가능도는 곱이고, 그 로그가 합입니다.",
    ),
    "CROSS_ENTROPY_SOFTMAX_TWICE": _both(
        "{arrays}: the softmax was taken twice.",
        "Probabilities went into a function that wants logits.",
        "{arrays}: 소프트맥스를 두 번 취했습니다.",
        "로짓을 받는 함수에 확률을 넣었습니다.",
    ),
    "CROSS_ENTROPY_SQUARED": _both(
        "{arrays} belongs to the squared error of the probabilities.",
        "Asked for is the negative log-likelihood of the label.",
        "{arrays}은(는) 확률의 제곱 오차에서 나온 것입니다.",
        "정답 클래스의 음의 로그 가능도를 구하세요.",
    ),
    "CROSS_ENTROPY_BINARY": _both(
        "{arrays}: a binary cross-entropy of each class, with a sigmoid of each logit.",
        "One of K classes is right: a softmax, one distribution for each row.",
        "{arrays}: 클래스마다 시그모이드를 쓴 이진 크로스 엔트로피입니다.",
        "K개 클래스 중 하나가 정답입니다. 행마다 분포 하나, 소프트맥스입니다.",
    ),
    "CROSS_ENTROPY_OF_PROBABILITIES": _both(
        "{arrays} is the derivative by the probabilities; asked for is that by the logits.",
        "One step of the chain rule is left: through the softmax. Much cancels there.",
        "{arrays}은(는) 확률에 대한 미분입니다. 로짓에 대한 미분을 구해야 합니다.",
        "소프트맥스를 지나는 연쇄법칙이 한 단계 남았습니다. 거기서 많은 것이 약분됩니다.",
    ),
    "CROSS_ENTROPY_ALL_CLASSES": _both(
        "{arrays}: −1/p stands at every class, but the loss holds the probability of the label alone.",
        "By the probabilities of the other classes its derivative is 0. Then one step of the chain rule is left: "
        "through the softmax.",
        "{arrays}: 모든 클래스에 −1/p가 있지만, 손실에는 정답의 확률만 들어 있습니다.",
        "다른 클래스의 확률에 대한 미분은 0입니다. 그다음 소프트맥스를 지나는 연쇄법칙이 한 단계 남았습니다.",
    ),
    "CROSS_ENTROPY_DIAGONAL": _both(
        "{arrays}: on the way through the softmax only the diagonal of its Jacobian was used.",
        "The logits of the other classes also move the probability of the label.",
        "{arrays}: 소프트맥스를 지날 때 야코비 행렬의 대각 성분만 썼습니다.",
        "다른 클래스의 로짓도 정답 클래스의 확률을 움직입니다.",
    ),
    "CROSS_ENTROPY_LABEL_COLUMNS": _both(
        "{arrays}: 1 was taken off in whole columns, in every row for every label that occurs.",
        "[:, labels] means all rows. Pair each row with its own label: [np.arange(N), labels].",
        "{arrays}: 나타난 모든 정답의 열 전체에서, 모든 행마다 1을 뺐습니다.",
        "[:, labels]는 모든 행입니다. [np.arange(N), labels]로 행마다 자기 정답을 짝지으세요.",
    ),
    "CROSS_ENTROPY_OF_ARGMAX": _both(
        "{arrays}: in the place of the label stands the class that the logits themselves prefer.",
        "The label is an argument; the largest logit is only a guess.",
        "{arrays}: 정답 대신 로짓이 가장 큰 클래스를 썼습니다.",
        "정답은 인자로 주어집니다. 가장 큰 로짓은 추측일 뿐입니다.",
    ),
    "CROSS_ENTROPY_NO_SOFTMAX": _both(
        "{arrays}: the logits stand where the probabilities belong.",
        "What was said, minus what was seen: what was said is a probability.",
        "{arrays}: 확률이 있어야 할 자리에 로짓이 있습니다.",
        "“예측 − 관측”에서 예측은 확률입니다.",
    ),
    "BCE_ONES_ONLY": _both(
        "{arrays}: only the pixels that are 1 count; the term of those that are 0 is missing.",
        "A white pixel that is called black is as wrong as the other way round.",
        "{arrays}: 값이 1인 픽셀만 반영되었고, 0인 픽셀의 항이 없습니다.",
        "0인 픽셀을 1이라고 하는 것도 똑같이 틀린 것입니다.",
    ),
    "BCE_ZEROS_ONLY": _both(
        "{arrays}: only the pixels that are 0 count; the term of those that are 1 is missing.",
        "Both terms are needed, one for each value of the target.",
        "{arrays}: 값이 0인 픽셀만 반영되었고, 1인 픽셀의 항이 없습니다.",
        "정답의 두 값마다 항이 하나씩, 둘 다 필요합니다.",
    ),
    "BCE_PLUS_MINUS": _both(
        "{arrays} belongs to ln(1 + e^(−t·a)), the loss for targets that are −1 or 1.",
        "Here a target is 0 or 1: where it is 0 that loss does not depend on the logit at all.",
        "{arrays}은(는) 정답이 −1 또는 1일 때의 손실 ln(1 + e^(−t·a))에 해당합니다.",
        "여기서 정답은 0 또는 1입니다. 0이면 그 손실은 로짓과 아무 상관이 없습니다.",
    ),
    "BCE_ABS_MISSING": _both(
        "{arrays} belongs to the stable form with one thing missing: the absolute value inside the exponential.",
        "The exponent of the stable form is never positive, whatever the sign of the logit.",
        "{arrays}은(는) 안정적인 꼴에서 지수 안의 절댓값을 빠뜨렸을 때 나오는 값입니다.",
        "안정적인 꼴에서는 로짓의 부호가 무엇이든 지수가 양수가 되지 않습니다.",
    ),
    "BCE_SLOPE_OF_ABS": _both(
        "{arrays} belongs to the stable form, but e^−|a| was differentiated as if −|a| had the slope −1 everywhere.",
        "The slope of |a| is the sign of a. Or, shorter: both pieces together are σ(a).",
        "{arrays}은(는) 안정적인 꼴의 미분이지만, −|a|의 기울기를 어디서나 −1로 보았습니다.",
        "|a|의 기울기는 a의 부호입니다. 더 짧게는, 두 조각을 합치면 σ(a)입니다.",
    ),
    "BCE_SIGMOID_TWICE": _both(
        "{arrays}: the sigmoid was taken twice.",
        "Probabilities went into a function that wants logits. Its name says “with logits”.",
        "{arrays}: 시그모이드를 두 번 취했습니다.",
        "로짓을 받는 함수에 확률을 넣었습니다. 함수 이름이 “with logits”입니다.",
    ),
    "BCE_SIGMOID_ADDED": _both(
        "{arrays}: the decoder's output went through a sigmoid.",
        "A normal pixel has its mean straight from the linear layer.",
        "{arrays}: 디코더의 출력에 시그모이드를 취했습니다.",
        "정규분포 픽셀의 평균은 선형 층의 출력 그대로입니다.",
    ),
    "BCE_SQUARED": _both(
        "{arrays} belongs to the squared error of the probabilities, not to the cross-entropy.",
        "With the squared error the sigmoid's slope stays in the gradient; with a logarithm it cancels.",
        "{arrays}은(는) 크로스 엔트로피가 아니라 확률의 제곱 오차에서 나온 것입니다.",
        "제곱 오차에서는 시그모이드의 기울기가 남고, 로그를 쓰면 약분됩니다.",
    ),
    "BCE_NO_SIGMOID": _both(
        "{arrays}: the logits stand where the probabilities belong.",
        "A logit becomes a probability by the sigmoid.",
        "{arrays}: 확률이 있어야 할 자리에 로짓이 있습니다.",
        "로짓은 시그모이드를 거쳐 확률이 됩니다.",
    ),
    "BCE_OF_PROBABILITIES": _both(
        "{arrays} is the derivative by the probabilities (or a part of it); asked for is that by the logits.",
        "One step of the chain rule is left: through the sigmoid. Its slope cancels the denominators.",
        "{arrays}은(는) 확률에 대한 미분(또는 그 일부)입니다. 로짓에 대한 미분을 구해야 합니다.",
        "시그모이드를 지나는 연쇄법칙이 한 단계 남았습니다. 그 기울기가 분모를 약분합니다.",
    ),
    "BCE_PROBABILITY_SIGN": _both(
        "{arrays}: the two terms of the derivative by the probabilities, but the second has the wrong sign.",
        "ln(1 − p) falls where p rises. Then one step of the chain rule is left: through the sigmoid.",
        "{arrays}: 확률에 대한 미분의 두 항이지만, 두 번째 항의 부호가 반대입니다.",
        "p가 커지면 ln(1 − p)는 작아집니다. 그다음 시그모이드를 지나는 연쇄법칙이 한 단계 남았습니다.",
    ),
    "BCE_SOFTMAX": _both(
        "{arrays}: the pixels of an image share one softmax.",
        "Each pixel is a coin of its own: a sigmoid for each.",
        "{arrays}: 한 이미지의 픽셀들이 소프트맥스 하나를 나누어 가집니다.",
        "픽셀마다 따로 하나의 동전입니다. 픽셀마다 시그모이드를 쓰세요.",
    ),
    "PIXEL_SOFTMAX_AXIS": _both(
        "{arrays}: the softmax does not run over the grey levels, but over another axis.",
        "The levels are axis 1 of (N, K, …): every pixel has a distribution over its own K levels.",
        "{arrays}: 소프트맥스를 밝기 단계가 아닌 다른 축을 따라 취했습니다.",
        "(N, K, …)에서 단계는 1번 축입니다. 픽셀마다 K개 단계의 분포가 있습니다.",
    ),
    "PIXEL_RESHAPED": _both(
        "{arrays}: the logits were cut into rows of K as they lie in memory, so that a row mixes several pixels.",
        "Move the axis of the levels to the end first (transpose), then reshape.",
        "{arrays}: 로짓을 메모리에 놓인 순서대로 K개씩 잘라서, 한 행에 여러 픽셀이 섞였습니다.",
        "먼저 transpose로 단계 축을 맨 뒤로 옮기고 나서 reshape하세요.",
    ),
    "PIXEL_ONE_ONLY": _both(
        "{arrays}: of each image only one corner pixel counts.",
        "Inside the loop over the pixels: “=” where “+=” is meant?",
        "{arrays}: 이미지마다 모서리의 픽셀 하나만 반영되었습니다.",
        "픽셀 반복문 안에서 “+=” 대신 “=”을 쓰지 않았나요?",
    ),
    "PIXEL_NO_LOG": _both(
        "{arrays}: the probability of the level itself, without its logarithm.",
        "The likelihood of an image is a product over its pixels; its logarithm is a sum.",
        "{arrays}: 로그 없이 그 단계의 확률 그 자체입니다.",
        "이미지의 가능도는 픽셀에 대한 곱이고, 그 로그가 합입니다.",
    ),
    "BITS_PER_PIXEL": _both(
        "{arrays} is in bits per pixel; asked for are nats per image.",
        "Use the natural logarithm, and sum over the pixels of an image.",
        "{arrays}의 단위가 픽셀당 비트입니다. 이미지당 내트(nat)로 구해야 합니다.",
        "자연로그를 쓰고, 한 이미지의 픽셀을 모두 더하세요.",
    ),
    "LOG_SUM_EXP_SHIFT": _both(
        "In {arrays} the largest number was differentiated in one of the two places where it stands.",
        "It is taken out and put back: both together change nothing, so neither has a gradient.",
        "{arrays}에서 최댓값이 나오는 두 곳 중 한 곳만 미분했습니다.",
        "빼고 다시 더하므로 합치면 아무것도 바뀌지 않습니다. 어느 쪽에도 기울기가 없습니다.",
    ),
    "LOG_SUM_EXP_AXIS": _both(
        "{arrays}: the sum runs over the rows, not within each row.",
        "Sum along axis 1: one number for each row.",
        "{arrays}: 각 행 안이 아니라 행들을 따라 더했습니다.",
        "1번 축을 따라 더하세요. 행마다 수가 하나입니다.",
    ),
    "LOG_SUM_EXP_MAX_LOST": _both(
        "{arrays}: the largest was taken out before the exponential, and not put back after the logarithm.",
        "What is taken out below the logarithm comes back outside of it.",
        "{arrays}: 지수 앞에서 뺀 최댓값을 로그 다음에 다시 더하지 않았습니다.",
        "로그 안에서 뺀 것은 로그 밖에서 돌아와야 합니다.",
    ),
    "LOG_SUM_EXP_MEAN": _both(
        "{arrays}: the logarithm of the mean of the exponentials.",
        "Asked for is that of their sum.",
        "{arrays}: 지수들의 평균에 로그를 취했습니다.",
        "평균이 아니라 합의 로그를 구하세요.",
    ),
    "LOG_SUM_EXP_NO_LOG": _both(
        "{arrays} belongs to the sum of the exponentials, without the logarithm.",
        "The logarithm's slope divides by the sum.",
        "{arrays}은(는) 로그를 취하지 않은 지수의 합에서 나온 것입니다.",
        "로그의 기울기는 그 합으로 나눕니다.",
    ),
    "LOG_SUM_EXP_LOG_INSIDE": _both(
        "{arrays} belongs to the sum of the numbers themselves: logarithm and exponential have cancelled.",
        "The logarithm of a sum is not the sum of the logarithms.",
        "{arrays}은(는) 수 그 자체의 합에서 나온 것입니다. 로그와 지수가 서로 지워졌습니다.",
        "합의 로그는 로그의 합이 아닙니다.",
    ),
    "LOG_SUM_EXP_MAX": _both(
        "{arrays} belongs to the largest number alone.",
        "The others count as well, the less the smaller they are.",
        "{arrays}은(는) 가장 큰 수 하나에서만 나온 것입니다.",
        "다른 수들도, 작을수록 적게, 함께 반영됩니다.",
    ),
    "LOG_SUM_EXP_OF_ALL": _both(
        "{arrays}: the sum runs over the whole array.",
        "Each row has a sum of its own.",
        "{arrays}: 배열 전체를 더했습니다.",
        "행마다 따로 더하세요.",
    ),
    "DENSITY_NOT_SQUARED": _both(
        "{arrays}: the distance from the mean is not squared.",
        "A normal density falls with the square of the distance, on both sides.",
        "{arrays}: 평균에서의 거리를 제곱하지 않았습니다.",
        "정규분포의 밀도는 양쪽으로 거리의 제곱에 따라 줄어듭니다.",
    ),
    "DENSITY_TIMES_VARIANCE": _both(
        "{arrays}: the square was multiplied with the variance.",
        "A distance counts in units of σ: the wider the distribution, the less it costs.",
        "{arrays}: 제곱에 분산을 곱했습니다.",
        "거리는 σ를 단위로 잽니다. 분포가 넓을수록 벌점이 작아야 합니다.",
    ),
    "DENSITY_NO_LOG": _both(
        "{arrays} belongs to the density itself, without the logarithm.",
        "Asked for is the logarithm; of many variables the density itself underflows.",
        "{arrays}은(는) 로그를 취하지 않은 밀도 그 자체에서 나온 것입니다.",
        "로그를 구하세요. 변수가 많으면 밀도는 0으로 사라집니다.",
    ),
    "COIN_SMOOTHED": _both(
        "{arrays}: a head and a tail were added that have not been thrown.",
        "That is what a prior does; the likelihood knows only the throws.",
        "{arrays}: 던지지 않은 앞면과 뒷면을 하나씩 더했습니다.",
        "그것은 사전분포가 하는 일입니다. 가능도는 실제로 던진 결과만 압니다.",
    ),
    "COIN_ALL_TOGETHER": _both(
        "{arrays}: all coins were counted as one.",
        "Every row is a coin of its own.",
        "{arrays}: 모든 동전을 하나로 세었습니다.",
        "행마다 다른 동전입니다.",
    ),
    "COIN_WRONG_AXIS": _both(
        "{arrays}: the mean runs over the coins, not over the throws.",
        "Axis 1 holds the throws of a coin.",
        "{arrays}: 던진 횟수가 아니라 동전들에 대해 평균했습니다.",
        "한 동전을 던진 결과는 1번 축에 있습니다.",
    ),
    "COIN_ODDS": _both(
        "{arrays}: heads over tails; that is the odds.",
        "A probability is the share of heads among all throws.",
        "{arrays}: 앞면 수를 뒷면 수로 나눈 오즈(odds)입니다.",
        "확률은 전체 던진 횟수 중 앞면의 비율입니다.",
    ),
    "COIN_LOG": _both(
        "{arrays} is the logarithm of the probability.",
        "The logarithm helps to find the maximum; asked for is the place where it lies.",
        "{arrays}은(는) 확률의 로그입니다.",
        "로그는 최댓점을 찾는 데 쓰고, 답은 그 최댓점입니다.",
    ),
    "COIN_POSTERIOR_MEAN": _both(
        "{arrays} is the mean of the posterior, not the place of its maximum.",
        "Set the slope of the posterior's logarithm to zero.",
        "{arrays}은(는) 사후분포의 최댓점이 아니라 평균입니다.",
        "사후분포의 로그를 미분해서 0이 되는 점을 구하세요.",
    ),
    "COIN_PRIOR_IGNORED": _both(
        "{arrays}: the prior has no influence; this is the maximum of the likelihood.",
        "The posterior is proportional to prior times likelihood.",
        "{arrays}: 사전분포가 반영되지 않았습니다. 가능도의 최댓점입니다.",
        "사후분포는 사전분포 × 가능도에 비례합니다.",
    ),
    "COIN_PRIOR_EXCHANGED": _both(
        "{arrays}: alpha and beta have changed places.",
        "alpha goes with the heads, beta with the tails.",
        "{arrays}: alpha와 beta가 서로 바뀌었습니다.",
        "alpha는 앞면, beta는 뒷면과 함께 갑니다.",
    ),
    "COIN_THROWS_FOR_TAILS": _both(
        "{arrays}: all throws were counted where the tails belong.",
        "beta goes with the tails: the throws less the heads.",
        "{arrays}: 뒷면 수 자리에 전체 던진 횟수를 넣었습니다.",
        "beta는 뒷면, 곧 전체에서 앞면을 뺀 수와 함께 갑니다.",
    ),
    "COIN_DENOMINATOR": _both(
        "{arrays}: what was added to the heads does not fit what was added to the throws.",
        "Add up both exponents of the posterior: that is what the heads are divided by.",
        "{arrays}: 앞면 수에 더한 것과 전체 횟수에 더한 것이 서로 맞지 않습니다.",
        "사후분포의 두 지수를 더하세요. 그것이 분모입니다.",
    ),
}

# --------------------------------------------------------------------------------------------------------------- latent
MESSAGES |= {
    "VARIANCE_FOR_STD": _both(
        "{arrays}: the noise was multiplied with the variance σ², not with the standard deviation σ.",
        "exp(log_variance) is σ². Its root is the exponential of half of it.",
        "{arrays}: 잡음에 표준편차 σ가 아니라 분산 σ²을 곱했습니다.",
        "exp(log_variance)는 σ²입니다. 그 제곱근은 절반의 지수입니다.",
    ),
    "STD_FOR_VARIANCE": _both(
        "{arrays}: the standard deviation σ stands where the variance σ² belongs.",
        "Half the log-variance gives σ, the whole gives σ².",
        "{arrays}: 분산 σ²이 있어야 할 자리에 표준편차 σ가 있습니다.",
        "로그 분산의 절반의 지수가 σ이고, 전체의 지수가 σ²입니다.",
    ),
    "LOG_VARIANCE_AS_STD": _both(
        "{arrays} is what comes out if log_variance is read as the standard deviation σ itself.",
        "The encoder gives ln σ²: any real number, also a negative one. Make σ of it first.",
        "{arrays}은(는) log_variance를 표준편차 σ 그 자체로 읽었을 때 나오는 값입니다.",
        "인코더가 주는 것은 ln σ²이고 음수일 수도 있습니다. 먼저 σ로 바꾸세요.",
    ),
    "LOG_VARIANCE_AS_LOG_STD": _both(
        "{arrays} is what comes out if log_variance is read as ln σ, not as ln σ².",
        "exp(log_variance) is the variance; the standard deviation is its root.",
        "{arrays}은(는) log_variance를 ln σ²이 아니라 ln σ로 읽었을 때 나오는 값입니다.",
        "exp(log_variance)는 분산이고, 표준편차는 그 제곱근입니다.",
    ),
    "LOG_VARIANCE_AS_VARIANCE": _both(
        "{arrays} is what comes out if log_variance is read as the variance σ² itself.",
        "It is a logarithm: take its exponential to have the variance.",
        "{arrays}은(는) log_variance를 분산 σ² 그 자체로 읽었을 때 나오는 값입니다.",
        "로그 값입니다. 지수를 취해야 분산이 됩니다.",
    ),
    "NOISE_OF_BOTH": _both(
        "{arrays}: the noise multiplies the mean as well.",
        "Only σ is stretched by the noise; the mean is added as it is. Look at the brackets.",
        "{arrays}: 잡음이 평균에도 곱해졌습니다.",
        "잡음은 σ에만 곱하고 평균은 그대로 더합니다. 괄호를 보세요.",
    ),
    "KL_REVERSED": _both(
        "{arrays} belongs to the KL from the prior to the encoder, the other direction.",
        "The expectation is under the encoder's distribution: it stands first.",
        "{arrays}은(는) 반대 방향, 곧 사전분포에서 인코더로의 KL에서 나온 것입니다.",
        "기댓값은 인코더의 분포에 대해 취합니다. 그 분포가 앞에 옵니다.",
    ),
    "KL_MEAN_NOT_SQUARED": _both(
        "{arrays}: the mean is not squared.",
        "A mean of −1 is as far from the prior as one of +1.",
        "{arrays}: 평균을 제곱하지 않았습니다.",
        "평균 −1은 +1과 똑같이 사전분포에서 떨어져 있습니다.",
    ),
    "ELBO_MEAN_DECODED": _both(
        "{arrays}: the decoder was given the mean, not the sample.",
        "Without the noise it is an autoencoder, and only the KL still sees σ. Decode the sample z.",
        "{arrays}: 디코더에 표본이 아니라 평균을 넣었습니다.",
        "잡음이 없으면 오토인코더일 뿐입니다. 표본 z를 디코더에 넣으세요.",
    ),
    "ELBO_AT_MEAN": _both(
        "{arrays}: the backward decodes the mean, where the forward has decoded the sample.",
        "Keep z in the cache, or make it again of the same noise.",
        "{arrays}: forward에서는 표본을, backward에서는 평균을 디코딩했습니다.",
        "z를 cache에 저장하거나, 같은 잡음으로 다시 만드세요.",
    ),
    "ELBO_WEIGHT_FROM_MEAN": _both(
        "{arrays} was formed with the mean; the decoder's layer had the sample as its input.",
        "The gradient of a weight is made of the layer's own input.",
        "{arrays}을(를) 평균으로 계산했습니다. 디코더 층의 입력은 표본이었습니다.",
        "가중치의 그래디언트는 그 층에 실제로 들어간 입력으로 만듭니다.",
    ),
    "ELBO_SQUARED": _both(
        "{arrays}: the reconstruction is a squared error, not the log-likelihood of black and white pixels.",
        "Use the binary cross-entropy, with the logits.",
        "{arrays}: 복원항이 흑백 픽셀의 로그 가능도가 아니라 제곱 오차입니다.",
        "로짓을 쓰는 이진 크로스 엔트로피를 쓰세요.",
    ),
    "ELBO_SIGMOID_SLOPE": _both(
        "{arrays}: the slope of the sigmoid was multiplied in, though the logarithm has cancelled it.",
        "Differentiate the loss by the logits as a whole: less is left than one expects.",
        "{arrays}: 로그가 이미 약분한 시그모이드의 기울기를 곱했습니다.",
        "손실을 로짓으로 한 번에 미분해 보세요. 생각보다 간단해집니다.",
    ),
    "ELBO_SQUARED_ERROR": _both(
        "{arrays}: the reconstruction is a plain squared error; the variance of the pixels is not used in it.",
        "It is a log-density: the variance sets what a squared error costs, beside the KL.",
        "{arrays}: 복원항이 단순한 제곱 오차입니다. 픽셀의 분산을 쓰지 않았습니다.",
        "복원항은 로그 밀도입니다. 제곱 오차와 KL의 비중을 분산이 정합니다.",
    ),
    "ELBO_CONSTANT_LOST": _both(
        "{arrays}: constants of the normal density are missing, for each pixel.",
        "No gradient changes, but the number is no likelihood without them.",
        "{arrays}: 픽셀마다 있어야 할 정규분포 밀도의 상수가 빠졌습니다.",
        "그래디언트는 같지만, 상수가 없으면 그 값은 가능도가 아닙니다.",
    ),
    "VARIANCE_AS_STD": _both(
        "{arrays}: pixel_variance was squared, as if it were a standard deviation.",
        "It is σ² already.",
        "{arrays}: pixel_variance를 표준편차처럼 제곱했습니다.",
        "이미 σ²입니다.",
    ),
    "IWAE_LOG_INSIDE": _both(
        "{arrays}: the logarithms are averaged, all samples alike: that is the ELBO.",
        "First the mean of the weights, then its logarithm; a sample counts by its share of the sum.",
        "{arrays}: 로그를 평균했습니다. 모든 표본이 똑같이 반영되는 ELBO입니다.",
        "먼저 가중치를 평균하고 로그를 취하세요. 표본은 전체에서 차지하는 몫만큼 반영됩니다.",
    ),
    "IWAE_AXIS": _both(
        "{arrays}: the weights are shared out over the data, not over the samples of each datum.",
        "Axis 1 holds the K samples of one datum.",
        "{arrays}: 한 데이터의 표본들이 아니라 데이터들 사이에서 가중치를 나누었습니다.",
        "한 데이터의 표본 K개는 1번 축에 있습니다.",
    ),
    "IWAE_OF_ALL": _both(
        "{arrays}: the weights of all data went into one mean.",
        "Each datum has a logarithm of its own; they are averaged afterwards.",
        "{arrays}: 모든 데이터의 가중치를 한꺼번에 평균했습니다.",
        "데이터마다 로그를 취한 다음 평균하세요.",
    ),
    "IWAE_NO_LOG": _both(
        "{arrays} belongs to the mean of the weights, without the logarithm.",
        "The bound is one of ln p(x).",
        "{arrays}은(는) 로그를 취하지 않은 가중치의 평균에서 나온 것입니다.",
        "ln p(x)의 하한을 구하는 것입니다.",
    ),
    "IWAE_SHARES_OF_LOGARITHMS": _both(
        "{arrays}: the shares are those of the logarithms, which were not made weights again.",
        "A share is a weight over the sum of the weights; take the exponentials first.",
        "{arrays}: 가중치로 되돌리지 않고 로그끼리 몫을 나누었습니다.",
        "몫은 가중치를 가중치의 합으로 나눈 것입니다. 먼저 지수를 취하세요.",
    ),
    "IWAE_LARGEST": _both(
        "{arrays} belongs to the largest weight alone.",
        "The others count as well, by their shares.",
        "{arrays}은(는) 가장 큰 가중치 하나에서만 나온 것입니다.",
        "다른 가중치도 자기 몫만큼 반영됩니다.",
    ),
}

# ---------------------------------------------------------------------------------------------------------- adversarial
MESSAGES |= {
    "OPTIMAL_RATIO": _both(
        "{arrays} belongs to the ratio of the two densities, which is no probability.",
        "D* says which part of all that is found at x is real: it lies between 0 and 1.",
        "{arrays}은(는) 두 밀도의 비에서 나온 것입니다. 이것은 확률이 아닙니다.",
        "D*는 x에 있는 것 가운데 진짜가 차지하는 몫이며, 0과 1 사이에 있습니다.",
    ),
    "OPTIMAL_OF_FAKE": _both(
        "{arrays} belongs to the probability that x is generated.",
        "D says how likely x is to be real: where there are data only, it is 1.",
        "{arrays}은(는) x가 생성되었을 확률에서 나온 것입니다.",
        "D는 x가 진짜일 확률입니다. 데이터만 있는 곳에서는 1입니다.",
    ),
    "OPTIMAL_LOGIT": _both(
        "{arrays} belongs to the best logit, the difference of the log-densities.",
        "That is a*; asked for is D* = σ(a*).",
        "{arrays}은(는) 로그 밀도의 차, 곧 최적의 로짓에서 나온 것입니다.",
        "그것은 a*입니다. 여기서는 D* = σ(a*)를 구합니다.",
    ),
    "OPTIMAL_SIGMOID_OF_DENSITIES": _both(
        "{arrays}: a sigmoid was taken of densities.",
        "σ undoes a logarithm: it wants ln p, and without it neither logarithm nor σ is needed.",
        "{arrays}: 밀도에 시그모이드를 취했습니다.",
        "σ는 로그를 되돌립니다. ln p를 넣거나, 로그도 σ도 쓰지 마세요.",
    ),
    "OPTIMAL_OVER_POINTS": _both(
        "{arrays}: p_data was divided by a sum over all points.",
        "D chooses its value at each x for itself: what stands below belongs to the same x.",
        "{arrays}: p_data를 모든 점에 대한 합으로 나누었습니다.",
        "D는 x마다 따로 값을 정합니다. 분모도 같은 x의 것이어야 합니다.",
    ),
    "OPTIMAL_NORMALISED": _both(
        "{arrays}: something was made to add up to 1 over the points.",
        "The densities are what they are, and D is a probability at each x, not over all x.",
        "{arrays}: 점들에 대한 합이 1이 되게 정규화했습니다.",
        "밀도는 주어진 그대로 쓰고, D는 모든 x가 아니라 x마다의 확률입니다.",
    ),
    "OPTIMAL_CLIPPED": _both(
        "{arrays}: D was held away from 0 and 1.",
        "Both densities are positive: the quotient never leaves (0, 1) by itself, and where D is sure it says so.",
        "{arrays}: D가 0과 1에 가까워지지 못하게 잘렸습니다.",
        "두 밀도가 모두 양수이므로 몫은 저절로 (0, 1) 안에 있습니다. D가 확신하는 곳에서는 그 값이 그대로 나와야 "
        "합니다.",
    ),
    "OPTIMAL_LOG": _both(
        "{arrays} belongs to the logarithm of D.",
        "Asked for is the probability itself; the logarithm comes with the loss.",
        "{arrays}은(는) D의 로그에서 나온 것입니다.",
        "확률 그 자체를 구하세요. 로그는 손실에서 취합니다.",
    ),
    "OPTIMAL_DIFFERENCE": _both(
        "{arrays}: the difference of the densities over their sum; it is 2D* − 1, from −1 to 1.",
        "D is a probability: the share that the data's density has in the sum.",
        "{arrays}: 두 밀도의 차를 합으로 나눈 값입니다. −1에서 1까지인 2D* − 1입니다.",
        "D는 확률입니다. 두 밀도의 합에서 데이터의 밀도가 차지하는 몫을 구하세요.",
    ),
    "OPTIMAL_SQUARES": _both(
        "{arrays}: the densities are squared.",
        "Each logarithm of the value function is weighted by its density, to the first power.",
        "{arrays}: 밀도를 제곱했습니다.",
        "가치 함수에서 각 로그에는 밀도가 한 번씩만 곱해집니다.",
    ),
    "OPTIMAL_SUM_FIXED": _both(
        "{arrays}: the sum of the densities was held fixed, though p_data is part of it.",
        "The quotient rule: p_data stands above and below.",
        "{arrays}: 밀도의 합에도 p_data가 들어 있는데 그것을 상수로 보았습니다.",
        "몫의 미분법입니다. p_data는 분자와 분모에 모두 있습니다.",
    ),
    "GAN_LABELS_SWAPPED": _both(
        "{arrays}: the labels of real and fake have changed places.",
        "D is to be near 1 for real images and near 0 for generated ones.",
        "{arrays}: 진짜와 가짜의 레이블이 서로 바뀌었습니다.",
        "D는 진짜에서 1, 생성한 이미지에서 0에 가까워야 합니다.",
    ),
    "GAN_FAKE_LABEL_ONE": _both(
        "{arrays}: the generated images have the label 1 too.",
        "The discriminator is to tell them apart; label 1 for generated images is the generator's wish.",
        "{arrays}: 생성한 이미지에도 레이블 1을 주었습니다.",
        "판별자는 둘을 구별해야 합니다. 생성 이미지에 1을 바라는 것은 생성자입니다.",
    ),
    "GAN_UNBOUNDED": _both(
        "{arrays}: for generated images ln D was made small, in the place of making ln(1 − D) large.",
        "The two are not the same: the first has no bottom, and training runs away.",
        "{arrays}: 생성한 이미지에 대해 ln(1 − D)를 크게 하는 대신 ln D를 작게 했습니다.",
        "둘은 다릅니다. 앞의 것은 끝없이 작아질 수 있어서 학습이 발산합니다.",
    ),
    "GAN_LEAST_SQUARES": _both(
        "{arrays} belongs to the least-squares game.",
        "Asked for are logarithms of probabilities.",
        "{arrays}은(는) 최소제곱 GAN의 것입니다.",
        "확률의 로그를 쓰는 손실을 구하세요.",
    ),
    "GAN_WASSERSTEIN": _both(
        "{arrays} belongs to the Wasserstein game: the logits themselves are averaged.",
        "Asked for is one logarithm of D = σ(logit) for each image; a difference of two, ln D − ln(1 − D), is the "
        "logit again.",
        "{arrays}은(는) 바서슈타인 GAN의 것입니다. 로짓 그 자체를 평균했습니다.",
        "이미지마다 D = σ(로짓)의 로그 하나를 쓰세요. 두 로그의 차 ln D − ln(1 − D)는 다시 로짓입니다.",
    ),
    "GAN_BOTH_LABELS": _both(
        "{arrays} is the sum of two losses: the generated images have the label 1 in one, the label 0 in the other.",
        "This G wants D = ½, and has no slope there. It asks for one label; the other is D's, whose gradient stays in "
        "G where nobody clears it.",
        "{arrays}은(는) 두 손실의 합입니다. 생성한 이미지의 레이블이 하나에서는 1, 다른 하나에서는 0입니다.",
        "이런 G는 D = ½을 바라고, 거기서는 기울기가 없습니다. G에게 필요한 레이블은 하나입니다. 다른 하나는 "
        "D의 것으로, 지우지 않으면 그 그래디언트가 G에 남습니다.",
    ),
    "GAN_SMOOTHED": _both(
        "{arrays}: the real images have the label 0.9, a one-sided smoothing.",
        "A known trick; asked for is the game as it is written, with the label 1.",
        "{arrays}: 진짜 이미지의 레이블이 0.9입니다(한쪽 레이블 평활화).",
        "알려진 기법이지만, 문제는 레이블이 1인 원래의 게임입니다.",
    ),
    "GAN_SMOOTHED_BOTH": _both(
        "{arrays}: the labels are smoothed, 0.9 for real and 0.1 for generated images.",
        "Asked for is the game as it is written, with the labels 1 and 0. With a label above 0 for generated images "
        "the best D is 0.9 p_d + 0.1 p_g, over the sum of both densities.",
        "{arrays}: 레이블을 평활화했습니다. 진짜는 0.9, 생성한 이미지는 0.1입니다.",
        "문제는 레이블이 1과 0인 원래의 게임입니다. 생성한 이미지의 레이블이 0보다 크면 최적의 D는 "
        "0.9 p_d + 0.1 p_g를 두 밀도의 합으로 나눈 값이 됩니다.",
    ),
    "GAN_SMOOTHED_FAKE": _both(
        "{arrays}: the generated images have the label 0.1.",
        "Asked for is the game as it is written, with the label 0.",
        "{arrays}: 생성한 이미지의 레이블이 0.1입니다.",
        "문제는 레이블이 0인 원래의 게임입니다.",
    ),
    "GAN_NO_SIGMOID": _both(
        "{arrays}: the logits themselves stand where D = σ(logit) belongs.",
        "The gradient by a logit is what D said less what was right, and D says probabilities.",
        "{arrays}: D = σ(로짓)이 들어갈 자리에 로짓이 그대로 있습니다.",
        "로짓에 대한 그래디언트는 D의 답 − 정답이고, D의 답은 확률입니다.",
    ),
    "PENALTY_ONE_SIDED_SHORT": _both(
        "{arrays}: slopes longer than 1 cost nothing.",
        "The penalty is on both sides: too short costs as much as too long.",
        "{arrays}: 1보다 긴 기울기에는 벌점이 없습니다.",
        "벌점은 양쪽에 있습니다. 너무 짧아도, 너무 길어도 같습니다.",
    ),
    "R1_ROOT": _both(
        "{arrays}: a root was taken of the mean of squares.",
        "R1 is the mean square itself, γ/2 · E‖s‖².",
        "{arrays}: 제곱의 평균에 근호를 씌웠습니다.",
        "R1은 제곱의 평균 그 자체, γ/2 · E‖s‖²입니다.",
    ),
    "GENERATOR_SMOOTHED": _both(
        "{arrays}: the generated images have the label 0.9.",
        "With it G wants D = 0.9 and not more; asked for is −ln D, the label 1.",
        "{arrays}: 생성한 이미지의 레이블이 0.9입니다.",
        "그러면 G는 D = 0.9까지만 바랍니다. 문제는 레이블이 1인 −ln D입니다.",
    ),
    "GAN_HINGE": _both(
        "{arrays} belongs to the hinge game: beyond ±1 a logit costs nothing.",
        "Asked for are logarithms of D = σ(logit).",
        "{arrays}은(는) 힌지 GAN의 것입니다. 로짓이 ±1을 넘으면 비용이 없습니다.",
        "D = σ(로짓)의 로그를 쓰는 손실을 구하세요.",
    ),
    "EPSILON_IN_LOG": _both(
        "{arrays}: a number was added inside the logarithm, and it is large enough to be seen.",
        "Where the probability is small it is mostly that number, and the loss lies flat. Less than 1e-7 hardly shows; "
        "ln(1 + eᵃ) wants none.",
        "{arrays}: 로그 안에 더한 수가 눈에 띌 만큼 큽니다.",
        "확률이 작은 곳에서는 그 수가 대부분이어서 손실이 평평해집니다. 1e-7보다 작으면 거의 드러나지 않고, "
        "ln(1 + eᵃ) 꼴에는 필요 없습니다.",
    ),
    "GAN_LOG_OF_MEAN": _both(
        "{arrays}: the logarithm of the mean was taken, not the mean of the logarithms.",
        "An expectation of a logarithm: first the logarithm of each image's D, then the mean.",
        "{arrays}: 로그의 평균이 아니라 평균의 로그를 구했습니다.",
        "로그의 기댓값입니다. 먼저 이미지마다 D의 로그를 구하고, 그다음에 평균하세요.",
    ),
    "GAN_SIGMOID_TWICE": _both(
        "{arrays}: the sigmoid was taken twice.",
        "Is σ inside your loss, and did σ(logit) go into it?",
        "{arrays}: 시그모이드를 두 번 취했습니다.",
        "손실 안에 이미 σ가 있는데 σ(로짓)을 넣지 않았나요?",
    ),
    "GAN_NO_LOG": _both(
        "{arrays} belongs to D itself, without the logarithm.",
        "Without the logarithm the sigmoid's slope does not cancel, and a D that is sure says nothing.",
        "{arrays}은(는) 로그를 취하지 않은 D 그 자체에서 나온 것입니다.",
        "로그가 없으면 시그모이드의 기울기가 남아, D가 확신할 때 신호가 사라집니다.",
    ),
    "GAN_OF_PROBABILITIES": _both(
        "{arrays} is the derivative by D; asked for is that by the logits.",
        "One step of the chain rule is left: through the sigmoid.",
        "{arrays}은(는) D에 대한 미분입니다. 로짓에 대한 미분을 구해야 합니다.",
        "시그모이드를 지나는 연쇄법칙이 한 단계 남았습니다.",
    ),
    "GENERATOR_NON_SATURATING": _both(
        "{arrays} belongs to the non-saturating game, the one that is used in practice.",
        "Here the minimax game is asked for, as it stands in the value function.",
        "{arrays}은(는) 실제로 쓰이는 비포화(non-saturating) 게임의 것입니다.",
        "여기서는 가치 함수에 있는 그대로의 미니맥스 게임을 구합니다.",
    ),
    "GENERATOR_SATURATING": _both(
        "{arrays} belongs to the minimax game, which saturates: its slope vanishes where D is sure.",
        "The non-saturating generator makes ln D large.",
        "{arrays}은(는) 포화되는 미니맥스 게임의 것입니다. D가 확신하는 곳에서 기울기가 사라집니다.",
        "비포화 생성자는 ln D를 크게 합니다.",
    ),
    "GENERATOR_LABEL_ZERO": _both(
        "{arrays}: the generated images have the label 0, as in the discriminator's loss.",
        "The generator wants D to take them for real: label 1.",
        "{arrays}: 판별자의 손실처럼 생성한 이미지에 레이블 0을 주었습니다.",
        "생성자는 D가 진짜로 여기기를 바랍니다. 레이블 1입니다.",
    ),
    "PENALTY_SQUARED_LENGTH": _both(
        "{arrays}: the square of the length is compared with 1, not the length.",
        "Take the root before 1 is taken off.",
        "{arrays}: 길이가 아니라 길이의 제곱을 1과 비교했습니다.",
        "1을 빼기 전에 제곱근을 취하세요.",
    ),
    "PENALTY_ZERO_CENTRED": _both(
        "{arrays}: the length is pulled towards 0, not towards 1.",
        "That is R1. The penalty asked for leaves a slope of length 1 in peace.",
        "{arrays}: 길이를 1이 아니라 0으로 끌어당깁니다.",
        "그것은 R1입니다. 여기서는 길이가 1인 기울기에 벌점이 없어야 합니다.",
    ),
    "PENALTY_NOT_SQUARED": _both(
        "{arrays}: the distance of the length from 1 is not squared.",
        "Without the square a shorter slope is always better.",
        "{arrays}: 길이와 1의 차이를 제곱하지 않았습니다.",
        "제곱하지 않으면 기울기는 짧을수록 좋게 됩니다.",
    ),
    "PENALTY_ABSOLUTE": _both(
        "{arrays}: the distance of the length from 1 is taken by its size, not by its square.",
        "The size has a kink at 1, and pulls as hard near it as far away; the square lets go slowly.",
        "{arrays}: 길이와 1의 차이를 제곱하지 않고 절댓값을 취했습니다.",
        "절댓값은 1에서 꺾이고, 가까이에서도 멀리서와 똑같이 세게 당깁니다. 제곱은 천천히 놓아줍니다.",
    ),
    "PENALTY_EACH_NUMBER": _both(
        "{arrays}: every single number of the slope is compared with 1.",
        "Of each image it is the length of its slope, one number, that should be 1.",
        "{arrays}: 기울기의 성분 하나하나를 1과 비교했습니다.",
        "1이 되어야 하는 것은 이미지마다 하나인 기울기의 길이입니다.",
    ),
    "PENALTY_SUM_OF_SIZES": _both(
        "{arrays}: the length was taken as the sum of the sizes |s|, without squares and root.",
        "The length of a vector is the root of the sum of its squares.",
        "{arrays}: 길이를 제곱과 근호 없이 절댓값의 합으로 구했습니다.",
        "벡터의 길이는 제곱합의 제곱근입니다.",
    ),
    "PENALTY_BATCH_LENGTH": _both(
        "{arrays}: one length was taken of the whole batch.",
        "Each image has a slope and a length of its own: sum the squares along axis 1.",
        "{arrays}: 배치 전체의 길이 하나를 구했습니다.",
        "이미지마다 기울기와 길이가 따로 있습니다. 1번 축을 따라 제곱을 더하세요.",
    ),
    "PENALTY_BATCH_AXIS": _both(
        "{arrays}: the length was taken along the batch.",
        "Axis 1 holds the slope of one image.",
        "{arrays}: 길이를 배치 방향으로 구했습니다.",
        "한 이미지의 기울기는 1번 축에 있습니다.",
    ),
    "PENALTY_OF_MEAN": _both(
        "{arrays}: the mean length is compared with 1.",
        "Too long and too short would cancel: square each, then take the mean.",
        "{arrays}: 평균 길이를 1과 비교했습니다.",
        "긴 것과 짧은 것이 서로 지워집니다. 하나씩 제곱한 다음 평균하세요.",
    ),
    "PENALTY_MEAN_SQUARE": _both(
        "{arrays}: for the length a mean of squares was taken, not their sum.",
        "A length is the root of the sum of all squares, however many there are.",
        "{arrays}: 길이를 구할 때 제곱을 더하지 않고 평균했습니다.",
        "길이는 성분이 몇 개이든 제곱의 합의 제곱근입니다.",
    ),
    "PENALTY_ONE_SIDED": _both(
        "{arrays}: slopes shorter than 1 cost nothing.",
        "That is the one-sided penalty. The one asked for wants 1, from both sides.",
        "{arrays}: 길이가 1보다 짧은 기울기에 벌점이 없습니다.",
        "그것은 한쪽 벌점입니다. 여기서는 양쪽 모두에서 1이 되어야 합니다.",
    ),
    "PENALTY_CONSTANT_LENGTH": _both(
        "{arrays}: the derivative of the length is missing; every number of the slope gets the same.",
        "The length grows in the direction of the slope itself.",
        "{arrays}: 길이의 미분이 빠졌습니다. 기울기의 모든 성분이 같은 값을 받습니다.",
        "길이는 기울기 자신의 방향으로 늘어납니다.",
    ),
    "R1_NOT_SQUARED": _both(
        "{arrays} belongs to the length of the slope, not to its square.",
        "No root here: squared, the penalty is smooth where the slope is zero.",
        "{arrays}은(는) 기울기의 길이를 제곱하지 않은 것에서 나온 것입니다.",
        "여기에는 제곱근이 없습니다. 제곱하면 기울기가 0인 곳에서도 매끄럽습니다.",
    ),
    "R1_TOWARDS_ONE": _both(
        "{arrays}: the slope is pulled towards the length 1, not towards 0.",
        "That is WGAN-GP. R1 wants a flat D where the data are.",
        "{arrays}: 기울기의 길이를 0이 아니라 1로 끌어당깁니다.",
        "그것은 WGAN-GP입니다. R1은 데이터가 있는 곳에서 D가 평평하기를 바랍니다.",
    ),
    "R1_SQUARED_TWICE": _both(
        "{arrays}: the length has the power 4: its square was squared again.",
        "The sum of the squares is the squared length already.",
        "{arrays}: 길이의 제곱을 또 제곱하여 네제곱이 되었습니다.",
        "제곱합이 이미 길이의 제곱입니다.",
    ),
    "R1_OF_MEAN": _both(
        "{arrays}: the mean over the images was taken before the square.",
        "Slopes that point in different directions, or lengths that differ, must not be averaged first.",
        "{arrays}: 제곱하기 전에 이미지에 대해 평균했습니다.",
        "방향이나 길이가 서로 다른 기울기를 먼저 평균하면 안 됩니다.",
    ),
    "R1_SQUARE_OF_SUM": _both(
        "{arrays}: the numbers of a slope were added and the sum squared.",
        "Square each, then add; else those of opposite sign cancel.",
        "{arrays}: 기울기의 성분을 더한 다음 그 합을 제곱했습니다.",
        "하나씩 제곱한 다음 더하세요. 아니면 부호가 다른 성분이 서로 지워집니다.",
    ),
    "UNROLLED_ONE_PATH": _both(
        "{arrays}: D's new weights were taken for constants; what D learns from the images is missing.",
        "The images stand in f twice: themselves, and in the step that made w₁. Each has its path.",
        "{arrays}: D의 새 가중치를 상수로 보았습니다. D가 이미지에서 배우는 경로가 없습니다.",
        "이미지는 f에 두 번 들어갑니다. 그 자체로, 그리고 w₁을 만든 걸음을 통해서입니다.",
    ),
    "UNROLLED_NOT_AT_ALL": _both(
        "{arrays} belongs to the ordinary game, against D as it is now.",
        "G looks one step ahead: first w₁, then the loss there.",
        "{arrays}은(는) 지금의 D를 상대로 하는 보통 게임의 것입니다.",
        "G는 한 걸음 앞을 봅니다. 먼저 w₁을 구하고, 거기서 손실을 구하세요.",
    ),
    "UNROLLED_IMAGES_BEFORE": _both(
        "{arrays}: the path through the images was taken at D's old weights.",
        "Both paths start from f, and f is computed with the new ones.",
        "{arrays}: 이미지를 지나는 경로를 D의 이전 가중치에서 구했습니다.",
        "두 경로 모두 f에서 시작하고, f는 새 가중치로 계산합니다.",
    ),
    "UNROLLED_GAIN_BEFORE": _both(
        "{arrays}: the slope of f by D's weights was taken at the old weights.",
        "It is the last link of the chain that is differentiated first: f at w₁.",
        "{arrays}: D의 가중치에 대한 f의 기울기를 이전 가중치에서 구했습니다.",
        "연쇄의 마지막 고리인 w₁에서의 f부터 미분하세요.",
    ),
    "UNROLLED_STEP_AHEAD": _both(
        "{arrays}: D's step was differentiated at the weights that it led to.",
        "The step was made from the old weights: its derivative by the images is taken there.",
        "{arrays}: D의 걸음을 걸은 다음의 가중치에서 미분했습니다.",
        "걸음은 이전 가중치에서 시작했으므로, 이미지에 대한 그 미분도 거기서 구해야 합니다.",
    ),
    "UNROLLED_ASCENT": _both(
        "{arrays}: D's step goes uphill on its own loss.",
        "D descends L_D. (It ascends V, which is −L_D: one of the two signs, not both.)",
        "{arrays}: D가 자기 손실을 키우는 쪽으로 걸었습니다.",
        "D는 L_D를 하강합니다. (V = −L_D를 상승한다고 해도 같습니다. 부호는 한 번만 바꾸세요.)",
    ),
    "UNROLLED_NO_REAL": _both(
        "{arrays}: the term of the real images is missing from what G makes small.",
        "In the ordinary game G has no part in it; here D's answers to them depend on G.",
        "{arrays}: G가 작게 하는 값에서 진짜 이미지의 항이 빠졌습니다.",
        "보통 게임에서는 G와 상관없지만, 여기서는 그에 대한 D의 답이 G에 달려 있습니다.",
    ),
    "UNROLLED_RATE": _both(
        "{arrays}: D's step was made without its learning rate.",
        "lr says how far D comes in one step.",
        "{arrays}: D가 학습률 없이 걸었습니다.",
        "D가 한 걸음에 얼마나 가는지는 lr이 정합니다.",
    ),
    "UNROLLED_SUMMED": _both(
        "{arrays}: D's step was made with a sum over the images, N times too far.",
        "D's loss is a mean, and so is its gradient.",
        "{arrays}: D가 평균이 아니라 이미지에 대한 합으로 걸어서 N배 멀리 갔습니다.",
        "D의 손실은 평균이므로 그 그래디언트도 평균입니다.",
    ),
    "UNROLLED_HALVED": _both(
        "{arrays}: D's step is half as long as it should be, as with a mean over all 2N images.",
        "Real and generated images have a mean each, and the two are added.",
        "{arrays}: D의 걸음이 절반입니다. 2N개 이미지 전체로 평균한 것과 같습니다.",
        "진짜와 생성한 이미지를 각각 평균한 다음 더하세요.",
    ),
    "UNROLLED_TWO_STEPS": _both(
        "{arrays}: D made two steps.",
        "K = 1: one step, then f.",
        "{arrays}: D가 두 걸음을 걸었습니다.",
        "K = 1입니다. 한 걸음 다음에 f를 구하세요.",
    ),
    "UNROLLED_STEP_OF_FAKE": _both(
        "{arrays}: D's step was made on the generated images alone.",
        "D learns from the real ones too.",
        "{arrays}: D가 생성한 이미지만으로 걸었습니다.",
        "D는 진짜 이미지에서도 배웁니다.",
    ),
    "UNROLLED_STEP_OF_REAL": _both(
        "{arrays}: D's step was made on the real images alone, so that it does not depend on G.",
        "What G makes is what D learns from, and this is the whole point of looking ahead.",
        "{arrays}: D가 진짜 이미지만으로 걸어서 그 걸음이 G와 상관없게 되었습니다.",
        "D는 G가 만든 것에서 배웁니다. 앞을 내다보는 까닭이 바로 이것입니다.",
    ),
    "UNROLLED_STEP_LINEAR": _both(
        "{arrays}: in D's step all images count the same.",
        "Each counts by how wrong D is about it: its sigmoid is missing in the gradient.",
        "{arrays}: D의 걸음에서 모든 이미지가 똑같이 반영되었습니다.",
        "D가 많이 틀린 이미지일수록 크게 반영됩니다. 그래디언트에 시그모이드가 빠졌습니다.",
    ),
    "UNROLLED_STEP_LABELS": _both(
        "{arrays}: in D's step the real images have the wrong label, or the wrong sign.",
        "The gradient by a logit is what D said less what was right, and for the real ones right is 1.",
        "{arrays}: D의 걸음에서 진짜 이미지의 레이블이나 부호가 틀렸습니다.",
        "로짓에 대한 그래디언트는 D의 답 − 정답이고, 진짜의 정답은 1입니다.",
    ),
    "UNROLLED_STEP_FAKE_ONE": _both(
        "{arrays}: in D's step the generated images have the label 1 too.",
        "D learns to tell them apart: 0 is right for the generated ones, and the gradient by their logits is D itself.",
        "{arrays}: D의 걸음에서 생성한 이미지에도 레이블 1을 주었습니다.",
        "D는 둘을 구별하려고 배웁니다. 생성 이미지의 정답은 0이고, 그 로짓에 대한 그래디언트는 D 그 자체입니다.",
    ),
}

# ----------------------------------------------------------------------------------------------------------- optimizers
MESSAGES |= {
    "STEP_OF_SIGN": _both(
        "{arrays}: only the sign of the gradient was used.",
        "The length of the gradient counts too.",
        "{arrays}: 그래디언트의 부호만 썼습니다.",
        "그래디언트의 크기도 반영되어야 합니다.",
    ),
    "STEP_NORMALISED": _both(
        "{arrays}: the gradient was divided by its length.",
        "Plain gradient descent takes it as it is.",
        "{arrays}: 그래디언트를 그 길이로 나누었습니다.",
        "기본 경사 하강법은 그래디언트를 그대로 씁니다.",
    ),
    "MOMENTUM_RATE_INSIDE": _both(
        "{arrays}: the learning rate went into the velocity, a convention that others use.",
        "Here the velocity collects gradients; the rate comes when the parameter moves.",
        "{arrays}: 학습률을 속도 안에 넣었습니다. 다른 곳에서 쓰는 관례입니다.",
        "여기서 속도는 그래디언트를 모으고, 학습률은 매개변수를 움직일 때 곱합니다.",
    ),
    "MOMENTUM_RATE_TWICE": _both(
        "{arrays}: the learning rate was multiplied in twice, in the velocity and in the step.",
        "Once is enough: in the step.",
        "{arrays}: 학습률을 속도와 이동에 두 번 곱했습니다.",
        "매개변수를 움직일 때 한 번만 곱하세요.",
    ),
    "MOMENTUM_AVERAGE": _both(
        "{arrays}: the velocity is a running average, with the gradient weighted down.",
        "Here the gradient is added whole.",
        "{arrays}: 속도를 이동 평균으로 구해서 그래디언트의 비중이 줄었습니다.",
        "여기서는 그래디언트를 그대로 더합니다.",
    ),
    "MOMENTUM_EXCHANGED": _both(
        "{arrays}: momentum weighs the gradient, and the rest weighs the old velocity.",
        "Momentum says how much of the old velocity is kept.",
        "{arrays}: momentum이 그래디언트에, 나머지가 이전 속도에 곱해졌습니다.",
        "momentum은 이전 속도를 얼마나 남기는지를 말합니다.",
    ),
    "MOMENTUM_OLD_VELOCITY": _both(
        "{arrays}: the parameter moved with the velocity before this gradient.",
        "First the velocity, then the parameter, with the new one.",
        "{arrays}: 이번 그래디언트를 더하기 전의 속도로 매개변수를 움직였습니다.",
        "먼저 속도를 갱신하고, 새 속도로 매개변수를 움직이세요.",
    ),
    "MOMENTUM_NESTEROV": _both(
        "{arrays}: that is Nesterov's step, which looks ahead.",
        "Asked for is plain momentum.",
        "{arrays}: 한 걸음 앞을 보는 네스테로프 방식입니다.",
        "기본 모멘텀을 구하세요.",
    ),
    "MOMENTUM_NOT_USED": _both(
        "{arrays}: the parameter moved with the gradient alone.",
        "The velocity was computed, but not used.",
        "{arrays}: 매개변수를 그래디언트만으로 움직였습니다.",
        "속도를 계산하고도 쓰지 않았습니다.",
    ),
    "ADAM_NO_CORRECTION": _both(
        "{arrays}: m and v were used without the correction for their start at 0.",
        "In the first steps both are far too small, and not by the same factor.",
        "{arrays}: 0에서 시작하는 것에 대한 보정 없이 m과 v를 썼습니다.",
        "처음 몇 걸음에서는 둘 다, 서로 다른 비율로, 너무 작습니다.",
    ),
    "ADAM_M_NOT_CORRECTED": _both(
        "{arrays}: v was corrected for its start at 0, m was not.",
        "Both need it, each with its own β.",
        "{arrays}: v만 보정하고 m은 보정하지 않았습니다.",
        "둘 다 각자의 β로 보정해야 합니다.",
    ),
    "ADAM_V_NOT_CORRECTED": _both(
        "{arrays}: m was corrected for its start at 0, v was not.",
        "Both need it, each with its own β.",
        "{arrays}: m만 보정하고 v는 보정하지 않았습니다.",
        "둘 다 각자의 β로 보정해야 합니다.",
    ),
    "ADAM_CORRECTION_EXCHANGED": _both(
        "{arrays}: the corrections have each other's β.",
        "β₁ belongs to m, β₂ to v.",
        "{arrays}: 두 보정의 β가 서로 바뀌었습니다.",
        "β₁은 m, β₂는 v의 것입니다.",
    ),
    "ADAM_STEP_NUMBER": _both(
        "{arrays}: the step is counted one off.",
        "t is 1 for the first step, and comes counted: do not add or take off one.",
        "{arrays}: 걸음 수 t가 하나 어긋났습니다.",
        "t는 첫 걸음이 1이고 이미 세어져 있습니다. 1을 더하거나 빼지 마세요.",
    ),
    "ADAM_CORRECTED_BY_BETA": _both(
        "{arrays}: in the correction β is not raised to the power t.",
        "The correction fades as t grows.",
        "{arrays}: 보정에서 β를 t제곱하지 않았습니다.",
        "보정은 t가 커질수록 사라져야 합니다.",
    ),
    "ADAM_CORRECTION_OUTSIDE_ROOT": _both(
        "{arrays}: v's correction stands outside of the root.",
        "Correct v first, then take the root.",
        "{arrays}: v의 보정이 제곱근 밖에 있습니다.",
        "v를 먼저 보정하고 나서 제곱근을 취하세요.",
    ),
    "ADAM_NO_ROOT": _both(
        "{arrays}: the step was divided by v itself, not by its root.",
        "v is a mean of squares; its root has the gradient's own unit.",
        "{arrays}: v의 제곱근이 아니라 v 그 자체로 나누었습니다.",
        "v는 제곱의 평균입니다. 제곱근을 취해야 그래디언트와 단위가 같아집니다.",
    ),
    "ADAM_OLD_MOMENTS": _both(
        "{arrays}: the step was made with m or v from before this gradient.",
        "First update both, then step.",
        "{arrays}: 이번 그래디언트를 반영하기 전의 m이나 v로 움직였습니다.",
        "먼저 둘 다 갱신한 다음 움직이세요.",
    ),
    "ADAM_NO_M": _both(
        "{arrays}: the gradient itself was used where m belongs.",
        "m is computed, but has no influence on the step.",
        "{arrays}: m 대신 그래디언트 그 자체를 썼습니다.",
        "m을 계산하고도 움직일 때 쓰지 않았습니다.",
    ),
    "ADAM_CENTRED": _both(
        "{arrays}: v collects squared differences from m, not squared gradients.",
        "Adam's v knows no mean.",
        "{arrays}: v가 그래디언트의 제곱이 아니라 m과의 차의 제곱을 모읍니다.",
        "Adam의 v는 평균을 빼지 않습니다.",
    ),
    "ADAM_BETAS_EXCHANGED": _both(
        "{arrays}: β₁ and β₂ have changed places.",
        "m forgets fast, with β₁; v slowly, with β₂.",
        "{arrays}: β₁과 β₂가 서로 바뀌었습니다.",
        "m은 β₁로 빨리, v는 β₂로 천천히 잊습니다.",
    ),
    "ADAM_WEIGHTS_EXCHANGED": _both(
        "{arrays}: β weighs what is new, and 1 − β what is old.",
        "β is near 1: it says how much of the old is kept.",
        "{arrays}: β가 새 값에, 1 − β가 이전 값에 곱해졌습니다.",
        "β는 1에 가깝고, 이전 값을 얼마나 남기는지를 말합니다.",
    ),
    "ADAM_NOT_SQUARED": _both(
        "{arrays}: v collects gradients that are not squared.",
        "v is a running mean of squares.",
        "{arrays}: v가 제곱하지 않은 그래디언트를 모읍니다.",
        "v는 제곱의 이동 평균입니다.",
    ),
    "ADAM_SUM": _both(
        "{arrays}: the gradient was added whole, so that m and v are sums, not averages.",
        "Old and new share the weight 1 between them.",
        "{arrays}: 그래디언트를 그대로 더해서 m과 v가 평균이 아니라 합이 되었습니다.",
        "이전 값과 새 값이 비중 1을 나누어 가져야 합니다.",
    ),
    "ADAM_RETURNS_CORRECTED": _both(
        "{arrays}: what came back is the corrected value.",
        "The next step needs it as it was before the correction; otherwise it is corrected again and again.",
        "{arrays}: 보정한 값을 반환했습니다.",
        "다음 걸음에는 보정하기 전의 값이 필요합니다. 아니면 보정이 거듭됩니다.",
    ),
    "ADAM_EPS": _both(
        "{arrays}: another number stands in the place of eps, or it stands in another place, and it is large.",
        "eps is an argument; it only keeps the division from being one by 0.",
        "{arrays}: eps 자리에 다른 큰 수를 썼거나, eps를 다른 곳에 더했습니다.",
        "eps는 인자로 주어지며, 0으로 나누는 것을 막을 뿐입니다.",
    ),
}


# ----------------------------------------------------------------------------------------------------------- to fill in
def say(code: str, language: str, facts: Mapping[str, Any]) -> Message:
    """The sentences for a code, filled in. Raises `KeyError` for a code that the table does not have."""
    message = MESSAGES[code][language]
    phrases = _Facts(_phrases(language, facts))
    if language == "en" and "," in str(phrases["arrays"]) and message.why.startswith("{arrays} "):
        phrases["arrays"] = f"each of {phrases['arrays']}"  # is, not are
    why, fix = (text.format_map(phrases).strip() for text in message)
    if message.why.startswith("{arrays} ") and ("term" in facts or why.startswith("each")):
        why = f"{why[0].upper()}{why[1:]}"
    factor = str(facts.get("factor", "1"))
    if factor != "1" and "{factor}" not in message.why and code != "SIGN":
        why += {"en": f" Besides, by the factor {factor}.", "ko": f" 게다가 {factor}배가 되어 있습니다."}[language]
    return Message(why, fix)


def _kind_of_factor(factor: str, english: bool) -> str:
    """Where a factor may come from: sizes are counted, arguments are given, and the rest are constants."""
    names = set(re.findall(r"[A-Za-z][A-Za-z0-9_]*", factor)) - {"ln"}
    if not names:
        told = "A square, a ½, the base of a logarithm, a mean over too many, or something counted twice?"
        return told if english else "제곱, ½, 로그의 밑, 너무 많은 것의 평균, 또는 두 번 센 것이 있는지 보세요."
    if all(len(name) == 1 and name.isupper() for name in names):
        told = "A sum where a mean was asked, or a mean where a sum was? And over which axes?"
        return told if english else "합과 평균을 바꾸었는지, 어느 축에 대해 계산했는지 보세요."
    told = f"Where does {', '.join(sorted(names))} come in: multiplied, divided, forgotten, or once too often?"
    korean = f"{', '.join(sorted(names))}이(가) 어디에 들어갑니까? 곱하는지, 나누는지, 빠졌는지, 한 번 더인지 보세요."
    return told if english else korean


class _Facts(dict[str, Any]):
    """Facts by name; one that is missing stays in its braces, rather than that a student gets no report at all."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _phrases(language: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as they stand in a sentence of that language."""
    said = {name: word(fact, language) if isinstance(fact, str) else fact for name, fact in facts.items()}
    english = language == "en"
    if "term" in facts:
        part = f"the part “{said['term']}” of {said.get('arrays')}"
        said["arrays"] = part if english else f"{said.get('arrays')}의 “{said['term']}” 항"
    if facts.get("quantity") == "1":
        said["quantity"] = "the constant 1" if english else "상수 1"
    if "times" in facts:
        right = "the right one" if english else "정답"
        times = f"{facts['times']} times {right}" if english else f"{right}의 {facts['times']}배"
        said["times"] = right if facts["times"] == "1" else times
    if "power" in facts:
        said["quantity"] = _powered(said["quantity"], facts["power"], english)
    for name in ("axes", "axis"):
        if name in facts:
            said[name] = _axes(facts[name], english)
    if "weights" in facts and isinstance(facts["weights"], Mapping):
        said["parts"] = " ".join(_part(word(p, language), w, english) for p, w in facts["weights"].items())
    if "right" in facts:
        said["others"] = (
            ("The other parts are right." if english else "나머지 항은 맞습니다.") if facts["right"] else ""
        )
    if "which" in facts:
        said["which"] = said["which"] or _weights(facts["weights"], english)
    if "factor" in facts:
        said["factor_of"] = _kind_of_factor(str(facts["factor"]), english)
    if english and str(said.get("place", "")).startswith("the "):
        said["place"] = f"at {said['place']}"
    values = facts.get("values")
    said["measured"] = (
        (f" ({values} in the three shapes)" if english else f" (세 가지 크기에서 {values})") if values else ""
    )
    if "removed" in facts:
        place = f" (where {facts['line']} is computed)" if english else f" ({facts['line']}을(를) 구하는 곳)"
        said["line"] = place if facts["line"] else ""
        said["meaning"] = f" ({facts['meaning']})" if facts["meaning"] else ""
    if "index" in facts:
        said["index"] = str(list(facts["index"])) if facts["index"] else ""
    if facts.get("links") and facts.get("place"):
        said["place"] = f"All of them belong to {said['place']}." if english else f"모두 {said['place']}에 있습니다."
    return said


def _powered(quantity: str, power: float, english: bool) -> str:
    if power == 1:
        return quantity
    name = {2.0: ("the square of", "제곱"), 0.5: ("the root of", "제곱근")}.get(
        power, (f"the power {power} of", f"{power}제곱")
    )
    return f"{name[0]} {quantity}" if english else f"{quantity}의 {name[1]}"


def _axes(axes: Any, english: bool) -> str:
    numbers = [str(axis) for axis in (axes if isinstance(axes, tuple) else (axes,))]
    if not numbers:
        return "no axis" if english else "아무 축"
    if not english:
        return f"{', '.join(numbers)}번 축"
    return f"axis {numbers[0]}" if len(numbers) == 1 else f"axes {', '.join(numbers[:-1])} and {numbers[-1]}"


def _part(part: str, weight: str, english: bool) -> str:
    """What happened to one part of a sum."""
    if weight == "0":
        return f"The part “{part}” is missing." if english else f"“{part}” 항이 없습니다."
    if weight == "−1":
        return f"The part “{part}” has the wrong sign." if english else f"“{part}” 항의 부호가 반대입니다."
    return f"The part “{part}” comes {weight} times." if english else f"“{part}” 항이 {weight}배로 들어 있습니다."


def _weights(weights: Any, english: bool) -> str:
    numbers = ", ".join(f"{w:.4g}" for w in weights)
    return f"they count ({numbers})" if english else f"반영된 비중이 ({numbers})입니다"


def word(text: str, language: str) -> str:
    """A label in that language: of a quantity, a part, a place. What the table does not know stays as it is."""
    if language == "en" or text in KOREAN:
        return KOREAN[text] if language == "ko" else text
    for pattern, translated in PATTERNS:
        if found := re.fullmatch(pattern, text):
            return translated.format(*(word(group, language) for group in found.groups()))
    return text


KOREAN: dict[str, str] = {
    "only the last": "마지막 것만 반영되었습니다",
    "only the first": "첫 번째 것만 반영되었습니다",
    "all but the last": "마지막 것이 빠졌습니다",
    "all but the first": "첫 번째 것이 빠졌습니다",
    "every second": "하나 걸러 하나씩만 반영되었습니다",
    "last": "마지막",
    "first": "첫",
    "the border": "가장자리",
    "the direct path": "직접 경로",
    "the path through the mean": "평균을 지나는 경로",
    "the path through the variance": "분산을 지나는 경로",
    "the kernel's part": "커널 쪽 항",
    "where it is not": "그렇지 않은 곳",
    "where the mask is 0": "마스크가 0인 곳",
    "where the mask is 1": "마스크가 1인 곳",
    "where the number is the largest of its window": "창에서 가장 큰 수의 자리",
    "where x > 0": "x > 0인 곳",
    "where x ≤ 0": "x ≤ 0인 곳",
    "σ(logit)": "σ(로짓)",
    "the prediction": "예측",
    "the target": "정답",
    "the direct part": "직접 경로",
    "the difference": "차이",
    "the sign of the difference": "차이의 부호",
    "the square of the length": "길이의 제곱",
    "twice the length": "길이의 두 배",
    "the constant 1": "상수 1",
    "the part of the sum": "합을 지나는 경로",
    "the probability": "확률",
    "the probabilities": "확률",
    "1 − the probability": "1 − 확률",
    "the labels": "레이블",
    "the levels": "밝기 단계",
    "the log-sum-exp": "log-sum-exp",
    "the logit of the label": "정답의 로짓",
    "the logit of the level": "그 단계의 로짓",
    "the slope p(1 − p)": "기울기 p(1 − p)",
    "the slope σ(1 − σ)": "기울기 σ(1 − σ)",
    "the slope σ(1 − σ) of the real": "진짜의 기울기 σ(1 − σ)",
    "the slope σ(1 − σ) of the fake": "가짜의 기울기 σ(1 − σ)",
    "D of the real": "진짜에 대한 D",
    "D of the fake": "가짜에 대한 D",
    "the sum of exponentials": "지수의 합",
    "the exponential": "지수",
    "the softmax": "소프트맥스",
    "1 − the softmax": "1 − 소프트맥스",
    "the pixels that are 1": "값이 1인 픽셀",
    "the pixels that are 0": "값이 0인 픽셀",
    "where the target is 0": "정답이 0인 곳",
    "where the target is 1": "정답이 1인 곳",
    "at the label": "정답의 자리",
    "beside the label": "정답이 아닌 자리",
    "at the level": "그 단계의 자리",
    "the constant ln 2π": "상수 ln 2π",
    "the log-variance": "로그 분산",
    "the square": "제곱",
    "z − mean": "z − 평균",
    "the mean": "평균",
    "the noise": "잡음",
    "noise": "잡음(noise)",
    "mean²": "평균²",
    "the constant −1": "상수 −1",
    "the constant −½": "상수 −½",
    "the constant −ln K": "상수 −ln K",
    "the reconstruction": "복원",
    "the KL": "KL",
    "the share of the sample": "표본의 몫",
    "1 − the share of the sample": "1 − 표본의 몫",
    "the weight": "가중치",
    "the sum of the weights": "가중치의 합",
    "the real images": "진짜 이미지",
    "the fake images": "가짜 이미지",
    "the label 1": "레이블 1",
    "the sum of both densities": "두 밀도의 합",
    "the numerator": "분자",
    "the denominator": "분모",
    "the sign of the slope": "기울기의 부호",
    "D of the fake, a step later": "한 걸음 뒤 가짜에 대한 D",
    "D's new weights": "D의 새 가중치",
    "the images": "이미지",
    "D's step, by its images": "이미지를 통한 D의 걸음",
    "D's step, by its answers": "답을 통한 D의 걸음",
    "the length ‖s‖": "길이 ‖s‖",
    "the length": "길이",
    "the 1 that the length is to be": "길이가 되어야 할 1",
    "the old parameter": "이전 매개변수",
    "the step": "이동",
    "the old velocity": "이전 속도",
    "the gradient": "그래디언트",
    "the old m": "이전 m",
    "the old v": "이전 v",
    "the squared gradient": "그래디언트의 제곱",
}

PATTERNS: tuple[tuple[str, str], ...] = (
    (r"the (first|last) index of axis (\d+)", "{1}번 축의 {0} 인덱스"),
    (r"(axis \d+|the last index|odd indices|even indices|index 0) of (.+)", "{1}의 {0}"),
    (r"axis (\d+)", "{0}번 축"),
    (r"the mean of (.+) over axis 0", "{0}의 0번 축 평균"),
    (r"the sum of (.+) over axis 0", "{0}의 0번 축 합"),
    (r"the sum of (.+) over its last axis", "{0}의 마지막 축 합"),
    (r"(.+), its rows reversed", "행을 뒤집은 {0}"),
    (r"(.+), its last axis reversed", "마지막 축을 뒤집은 {0}"),
    (r"(.+) less its mean over axis 0", "0번 축 평균을 뺀 {0}"),
    (r"(.+) less its mean over the last axis", "마지막 축 평균을 뺀 {0}"),
    (r"the mean of (.+) over its last axis", "{0}의 마지막 축 평균"),
    (r"(.+) reshaped where it is to be transposed", "전치하지 않고 모양만 바꾼 {0}"),
    (r"the output ?(.*)", "출력 {0}"),
    (r"the sign of (.+)", "{0}의 부호"),
    (r"(.+) turned by 180°", "180° 돌린 {0}"),
    (r"the transpose of (.+)", "{0}의 전치"),
    (r"the first row of (.+) everywhere", "{0}의 첫 행을 모든 곳에 쓴 것"),
    (r"the last row of (.+) everywhere", "{0}의 마지막 행을 모든 곳에 쓴 것"),
    (r"(.+) sorted", "정렬한 {0}"),
    (r"(.+), one pixel further down and right", "오른쪽 아래로 한 픽셀 옮긴 {0}"),
    (r"(.+), one pixel further up and left", "왼쪽 위로 한 픽셀 옮긴 {0}"),
    (r"in the rows of gate (.)", "게이트 {0}의 행"),
)


# ----------------------------------------------------------------------------------------------- why nothing was judged
def failed(text: str, language: str) -> str:
    """Why a function could not be judged, in that language. What Python itself says stays as it is."""
    for pattern, translated in FAILURES if language == "ko" else ():
        if found := re.fullmatch(pattern, text):
            return translated.format(*(group or "" for group in found.groups()))
    return text


FAILURES: tuple[tuple[str, str], ...] = (
    (r"there is no function (\w+)", "{0} 함수가 없습니다"),
    (r"the checker itself stopped: (.+)", "채점기 자체가 멈췄습니다: {0}"),
    (r"there is no (.+) in this file", "이 파일에는 {0}이(가) 없습니다"),
    (r"there is no \.py and no \.ipynb", ".py 파일도 .ipynb 파일도 없습니다"),
    (r"(\w+) is (\w+); expected a function", "{0}이(가) 함수가 아니라 {1}입니다"),
    (r"(\w+) returned None; is there a `return`\?", "{0}이(가) None을 반환했습니다. `return`이 있습니까?"),
    (
        r"(\w+) takes (.+), but (\w+) returned no cache: .* or take \((.+)\) here",
        "{0}은(는) {1}을(를) 받는데 {2}이(가) cache를 반환하지 않았습니다. 거기서 (out, cache)를 반환하거나 "
        "여기서 ({3})을(를) 받으세요",
    ),
    (
        r"(\w+) asks for dout, but a loss is the end of the chain, .* take \((.+)\), or \(cache\)",
        "{0}이(가) dout을 받으려 하지만, 손실은 연쇄의 끝이어서 위에서 오는 것이 없습니다. ({1}) 또는 (cache)를 "
        "받으세요",
    ),
    (r"(\w+) takes (\d+) arguments; expected (\d+): (.+)", "{0}의 인자는 {1}개인데, {2}개여야 합니다: {3}"),
    (
        r"(\w+) takes (\d+) to (\w+) arguments; expected (\d+): (.+)",
        "{0}의 인자는 {1}~{2}개인데, {3}개여야 합니다: {4}",
    ),
    (r"(\w+) returned a dict without (.+); it has (.*)", "{0}이(가) 반환한 dict에 {1}이(가) 없습니다. 있는 것: {2}"),
    (r"(\w+) returned (\d+) values; expected (\d+): (.+)", "{0}이(가) 값 {1}개를 반환했는데, {2}개여야 합니다: {3}"),
    (r"(\w+): (\w+) is None", "{0}: {1}이(가) None입니다"),
    (r"(\w+): (\w+) is no array: (.+)", "{0}: {1}이(가) 배열이 아닙니다: {2}"),
    (
        r"(\w+): (\w+) is (\w+) of (\w+); expected an array of real numbers",
        "{0}: {1}이(가) 실수 배열이 아니라 {2}({3})입니다",
    ),
    (
        r"(\w+): (\w+) has the shape (.+), (\d+) MiB; that is never right",
        "{0}: {1}의 모양이 {2}, {3} MiB입니다. 이럴 수는 없습니다",
    ),
    (r"no answer in time: .*", "제한 시간 안에 답이 없습니다. 끝나지 않는 반복문이거나 무언가를 기다리고 있습니까?"),
    (r"printed more than (\d+) MB", "{0} MB 넘게 출력했습니다"),
    (r"closed the pipe that its answers go through", "답을 보내는 통로를 닫았습니다"),
    (r"crashed \((\w+)\)", "비정상 종료했습니다({0})"),
    (r"ended the program \(status (-?\d+)\) instead of returning", "반환하지 않고 프로그램을 끝냈습니다(상태 {0})"),
    (
        r"what came back is no answer; .*",
        "돌아온 것이 답의 형식이 아닙니다. 프로그램이 답을 보내는 통로에 무언가를 썼습니까?",
    ),
    (r"the answer begins with a header of (\d+) bytes", "답의 머리말이 {0}바이트입니다"),
    (r"the answer holds (.+)", "답에 들어 있는 것: {0}"),
)
